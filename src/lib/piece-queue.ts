export interface PieceQueueOptions {
  /**
   * So many bytes were taken, and more are wanted. Also called with 0, when the first piece, or one
   * that is not there yet, is asked for.
   */
  readonly onTaken: (bytes: number) => void;
}

/**
 * Pieces of bytes between one who pushes and one who iterates, once. How much waits here is the
 * pusher's to bound, by what `onTaken` tells. Who stops iterating wants nothing more: what is pushed
 * from then on is dropped.
 */
export class PieceQueue implements AsyncIterableIterator<Uint8Array> {
  readonly #onTaken: PieceQueueOptions['onTaken'];
  #pieces: Uint8Array[] = [];
  #waiting: PromiseWithResolvers<IteratorResult<Uint8Array, undefined>> | undefined;
  #end: { readonly error?: unknown } | undefined;
  #isStopped = false;

  constructor({ onTaken }: PieceQueueOptions) {
    this.#onTaken = onTaken;
  }

  /** Nobody takes anything any more. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  push(piece: Uint8Array): void {
    if (this.#isStopped || this.#end) return;
    const waiting = this.#waiting;
    if (!waiting) return void this.#pieces.push(piece);
    this.#waiting = undefined;
    waiting.resolve({ done: false, value: piece });
    this.#onTaken(piece.length);
  }

  /** That was all. Harmless when it had ended. */
  end(): void {
    this.#finish({});
  }

  /** It broke off: what is here already can still be taken. Harmless when it had ended. */
  fail(error: unknown): void {
    this.#finish({ error });
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const piece = this.#pieces.shift();
    if (piece) {
      this.#onTaken(piece.length);
      return { done: false, value: piece };
    }
    if (this.#isStopped) return { done: true, value: undefined };
    if (this.#end) return this.#ended(this.#end);
    this.#waiting = Promise.withResolvers();
    const { promise } = this.#waiting;
    this.#onTaken(0);
    return await promise;
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#isStopped = true;
    this.#pieces = [];
    this.#waiting?.resolve({ done: true, value: undefined });
    this.#waiting = undefined;
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #finish(end: { readonly error?: unknown }): void {
    if (this.#end || this.#isStopped) return;
    this.#end = end;
    const waiting = this.#waiting;
    if (!waiting) return;
    this.#waiting = undefined;
    if ('error' in end) waiting.reject(end.error);
    else waiting.resolve({ done: true, value: undefined });
  }

  #ended(end: { readonly error?: unknown }): IteratorResult<Uint8Array, undefined> {
    if ('error' in end) throw end.error;
    return { done: true, value: undefined };
  }
}
