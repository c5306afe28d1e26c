import type { IdRange, IdRangeProvider } from '../domain/container.ts';
import { HostError } from '../domain/errors.ts';

/**
 * Above what distributions give out in /etc/subuid (from 100,000) and what systemd takes for its
 * own containers (below 0x70000000); below 2^31, which some tools read as negative.
 */
const firstId = 0x70000000;
const lastId = 0x7fffffff;
const idsPerRange = 65_536;
const rangeCount = (lastId + 1 - firstId) / idsPerRange;

/** Hands out ranges round robin, so that a freed one rests as long as possible before its reuse. */
export class IdRanges implements IdRangeProvider {
  readonly #taken = new Set<number>();
  #next = 0;

  lease(): IdRange {
    if (this.#taken.size === rangeCount) {
      throw new HostError(
        'unavailable',
        'security.no_id_range',
        `All ${rangeCount} ranges of user ids are in use by sandboxes.`,
        { retryAfterMs: 1000 },
      );
    }
    while (this.#taken.has(this.#next)) this.#next = (this.#next + 1) % rangeCount;
    const index = this.#next;
    this.#next = (index + 1) % rangeCount;
    this.#taken.add(index);
    return {
      firstId: firstId + index * idsPerRange,
      count: idsPerRange,
      [Symbol.dispose]: () => void this.#taken.delete(index),
    };
  }
}
