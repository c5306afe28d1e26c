import type { Digest } from '../../domain/ids.ts';

/** Far more than can be under way within the grace of the garbage collection. */
const capacity = 100_000;

/** When this process last needed a layer or a blob: a deploy or a pull in flight is about to name it. */
export class RecentUse {
  readonly #timesMs = new Map<Digest, number>();

  touch(digest: Digest, nowMs = Date.now()): void {
    this.#timesMs.delete(digest);
    this.#timesMs.set(digest, nowMs);
    const [oldest] = this.#timesMs.keys();
    if (this.#timesMs.size > capacity && oldest !== undefined) this.#timesMs.delete(oldest);
  }

  /** Epoch milliseconds; 0: not that we knew. */
  of(digest: Digest): number {
    return this.#timesMs.get(digest) ?? 0;
  }
}
