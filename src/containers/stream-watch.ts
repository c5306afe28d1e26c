import { upgradedStatus, type BodyStream, type InvocationRequest } from '../domain/invocation.ts';
import type { ResponseListener } from '../domain/sandbox.ts';

export interface StreamEvents {
  /** The function speaks another protocol with its caller from here on. */
  readonly onUpgraded: () => void;
  /** Nothing has moved for the request's `idleTimeoutMs`. */
  readonly onIdle: () => void;
}

/**
 * The streams of one invocation: its request's body while that is sent, its answer from the head on,
 * or a connection with another protocol. What moves on one of them keeps all of them.
 */
export class StreamWatch {
  readonly request: InvocationRequest;
  readonly listener: ResponseListener;
  readonly #events: StreamEvents;
  readonly #hears: ResponseListener;
  #idle: NodeJS.Timeout | undefined;
  #hasHead = false;

  constructor(request: InvocationRequest, listener: ResponseListener, events: StreamEvents) {
    const { head, stream } = request;
    this.#events = events;
    this.#hears = listener;
    // Where the deadline comes first there is nothing to watch: nearly always.
    const isUpgrade = head.upgrade !== undefined;
    const isWatched = isUpgrade || Date.now() + request.idleTimeoutMs < request.deadlineMs;
    this.request = stream && isWatched ? { ...request, stream: this.#sent(stream) } : request;
    this.listener = isWatched ? this.#watching() : listener;
    if (stream && isWatched && !isUpgrade) this.#begin();
  }

  /** Something went one way or the other. */
  moved(): void {
    this.#idle?.refresh();
  }

  /** The invocation is over. */
  stop(): void {
    clearTimeout(this.#idle);
    this.#idle = undefined;
  }

  #begin(): void {
    this.#idle ??= setTimeout(this.#events.onIdle, this.request.idleTimeoutMs);
    this.moved();
  }

  #watching(): ResponseListener {
    const listener = this.#hears;
    return {
      onHead: (head) => {
        this.#hasHead = true;
        if (head.status === upgradedStatus) this.#events.onUpgraded();
        this.#begin();
        listener.onHead(head);
      },
      onChunk: (bytes) => {
        this.moved();
        listener.onChunk(bytes);
      },
      onLog: (line) => listener.onLog(line),
      onProgress: (message, json) => listener.onProgress?.(message, json),
    };
  }

  /** By hand, as a generator would not hear that no more is wanted while it waits for a piece. */
  #sent(stream: BodyStream): BodyStream {
    const iterate = (): AsyncIterator<Uint8Array> => {
      const pieces = stream[Symbol.asyncIterator]();
      return {
        next: async () => {
          const piece = await pieces.next();
          if (piece.done) this.#isSent();
          else this.moved();
          return piece;
        },
        return: async () => {
          this.#isSent();
          await pieces.return?.();
          return { done: true, value: undefined };
        },
      };
    };
    return { [Symbol.asyncIterator]: iterate };
  }

  /** From here on the function may think for as long as its deadline allows. */
  #isSent(): void {
    if (!this.#hasHead) this.stop();
  }
}
