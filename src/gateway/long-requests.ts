import type { Socket } from 'node:net';

/** No byte for so long ends a long request. */
const stallMs = 60_000;

/**
 * Requests whose length says nothing about whether they are healthy, such as the push of a layer:
 * the server's limit for a whole request does not hold for them; a limit for silence does.
 */
export class LongRequests {
  readonly #sockets = new WeakSet<Socket>();

  has(socket: Socket): boolean {
    return this.#sockets.has(socket);
  }

  /** Until it is deleted again; that it is not silent for too long is watched elsewhere. */
  add(socket: Socket): void {
    this.#sockets.add(socket);
  }

  delete(socket: Socket): void {
    this.#sockets.delete(socket);
  }

  async during<T>(socket: Socket, work: () => Promise<T>): Promise<T> {
    const before = socket.timeout ?? 0;
    this.#sockets.add(socket);
    socket.setTimeout(stallMs);
    try {
      return await work();
    } finally {
      socket.setTimeout(before);
      this.#sockets.delete(socket);
    }
  }
}
