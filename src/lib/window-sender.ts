/** Bytes that are sent at once: what others have to say is not held up for longer. */
const pieceBytes = 64 * 1024;

/** Sends a stream in pieces, never more of it than the receiver has granted. */
export class WindowSender {
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #send: (piece: Uint8Array) => void;
  #windowBytes: number;
  #onChange = (): void => {};
  #isStopped = false;

  constructor(
    bytes: AsyncIterable<Uint8Array> | Uint8Array,
    send: (piece: Uint8Array) => void,
    windowBytes = 0,
  ) {
    this.#pieces = bytes instanceof Uint8Array ? whole(bytes) : bytes[Symbol.asyncIterator]();
    this.#send = send;
    this.#windowBytes = windowBytes;
  }

  /** What it may still send. */
  get windowBytes(): number {
    return this.#windowBytes;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  grant(bytes: number): void {
    this.#windowBytes += bytes;
    this.#onChange();
  }

  /** No more of it is wanted. */
  stop(): void {
    this.#isStopped = true;
    this.#onChange();
    this.#pieces.return?.()?.catch(() => {}); // whoever makes it has nobody left to tell
  }

  /** Resolves when all has been sent, or it was stopped; rejects when the stream fails. Once. */
  async run(): Promise<void> {
    while (await this.#granted()) {
      const { done, value } = await this.#pieces.next();
      if (done) return;
      for (let rest = value; rest.length > 0 && (await this.#granted());) {
        const piece = rest.subarray(0, Math.min(pieceBytes, this.#windowBytes));
        this.#windowBytes -= piece.length;
        this.#send(piece);
        rest = rest.subarray(piece.length);
      }
    }
  }

  /** Waits until more may be sent. False: it was stopped. */
  async #granted(): Promise<boolean> {
    while (this.#windowBytes === 0 && !this.#isStopped) {
      await new Promise<void>((resolve) => (this.#onChange = resolve));
    }
    return !this.#isStopped;
  }
}

async function* whole(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
