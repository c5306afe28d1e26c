import type { Socket } from 'node:net';
import { encodeFrame, FrameDecoder } from '../lib/frames.ts';
import { frame, frameLimitBytes } from './reply-frames.ts';

export interface FrameLinkEvents {
  onFrame(type: number, payload: Buffer): void;
  /** Once; `error` if the peer broke the protocol or the connection broke. */
  onClose(error: Error | undefined): void;
}

/** Each end lets the other hear that often that it is there. */
const beatMs = 1_000;

/**
 * So many of its own beats without a word from the other end: its machine is gone, or the way to it.
 * Counted, not timed: who stood still itself has not listened.
 */
const silentBeatsLimit = 6;

/** Frames over one socket. What is sent within one turn of the event loop is one write. */
export class FrameLink {
  readonly #socket: Socket;
  #isCorked = false;

  constructor(socket: Socket, events: FrameLinkEvents) {
    this.#socket = socket;
    let failure: Error | undefined;
    const decoder = new FrameDecoder(frameLimitBytes, (type, payload) => {
      if (type !== frame.alive) events.onFrame(type, payload);
    });
    let silentBeats = 0;
    const beating = setInterval(() => {
      silentBeats += 1;
      if (silentBeats > silentBeatsLimit) socket.destroy(silent());
      else this.send(frame.alive);
    }, beatMs);
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      silentBeats = 0;
      try {
        decoder.push(chunk);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('close', () => {
      clearInterval(beating);
      events.onClose(failure);
    });
  }

  /** Does nothing once the link is closing: the peer will hear that, and nothing else matters. */
  send(type: number, ...parts: readonly Uint8Array[]): void {
    if (!this.#socket.writable) return;
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#socket.cork();
      setImmediate(() => {
        this.#isCorked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(encodeFrame(type, ...parts));
  }

  /** Sends what is still to be sent, then closes; when `grace` aborts it closes all the same. */
  end(grace: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.closed) return resolve();
      const close = () => this.close();
      this.#socket.once('close', () => {
        grace.removeEventListener('abort', close);
        resolve();
      });
      this.#socket.end(close);
      grace.addEventListener('abort', close, { once: true });
      if (grace.aborted) close();
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

const silent = (): Error =>
  new Error(`the other end has not been heard for ${(beatMs * silentBeatsLimit) / 1000} s`);
