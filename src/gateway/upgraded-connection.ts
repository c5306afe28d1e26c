import type { Socket } from 'node:net';
import type { PendingReply } from '../domain/reply.ts';

/** How long a caller that hears the end may take to close its own side. */
const closeLimitMs = 5_000;

/** The way to the caller on a connection that speaks another protocol by now. */
export class UpgradedConnection {
  readonly #socket: Socket;
  readonly #pending: PendingReply;
  #owedBytes = 0;

  constructor(socket: Socket, pending: PendingReply) {
    this.#socket = socket;
    this.#pending = pending;
    socket.on('drain', () => this.#grant());
  }

  /** What nobody can take any more is granted all the same, so that the function may end. */
  write(bytes: Uint8Array): void {
    this.#owedBytes += bytes.byteLength;
    if (!this.#socket.writable || this.#socket.write(bytes)) this.#grant();
  }

  /** The function has ended. */
  end(): void {
    const socket = this.#socket.resume();
    const limit = setTimeout(() => socket.destroy(), closeLimitMs);
    socket.once('close', () => clearTimeout(limit));
    socket.end();
  }

  #grant(): void {
    this.#pending.grant(this.#owedBytes);
    this.#owedBytes = 0;
  }
}
