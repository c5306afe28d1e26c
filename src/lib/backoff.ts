import { setTimeout as delay } from 'node:timers/promises';

/** Pauses that double, from the first to the last, until something went well. */
export class Backoff {
  readonly #options: { readonly firstMs: number; readonly lastMs: number };
  #nextMs: number;

  constructor(options: { readonly firstMs: number; readonly lastMs: number }) {
    this.#options = options;
    this.#nextMs = options.firstMs;
  }

  /** The next pause, for those who wait by themselves. */
  next(): number {
    const ms = this.#nextMs;
    this.#nextMs = Math.min(ms * 2, this.#options.lastMs);
    return ms;
  }

  /** Returns early, without an error, when the signal aborts. */
  async wait(signal: AbortSignal): Promise<void> {
    await delay(this.next(), undefined, { signal }).catch(() => {});
  }

  reset(): void {
    this.#nextMs = this.#options.firstMs;
  }
}
