import { HostError } from '../domain/errors.ts';

export interface GroupCommitOptions<T> {
  /** Items that one commit may take. */
  readonly maxBatch: number;
  /** Commits under way at a time. */
  readonly maxInFlight: number;
  /** Items that may wait; one more is refused. */
  readonly maxWaiting: number;
  readonly commit: (items: readonly T[]) => Promise<void>;
}

interface Waiting<T> {
  readonly item: T;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * What gathers while a commit is under way goes into the next one: the busier, the larger the
 * groups, and a lone item never waits. There is no timer. Items keep their order.
 */
export class GroupCommit<T> {
  readonly #options: GroupCommitOptions<T>;
  #waiting: Waiting<T>[] = [];
  #inFlight = 0;
  #newest: Promise<void> = Promise.resolve();

  constructor(options: GroupCommitOptions<T>) {
    this.#options = options;
  }

  /** Resolves when the item's commit has; rejects with what that failed with. */
  add(item: T): Promise<void> {
    if (this.#waiting.length >= this.#options.maxWaiting) return Promise.reject(full());
    this.#newest = new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#inFlight < this.#options.maxInFlight) void this.#commitNext();
    });
    return this.#newest;
  }

  /** Resolves when what was added last has been committed, or has failed. Never rejects. */
  async settled(): Promise<void> {
    await this.#newest.catch(() => {});
  }

  async #commitNext(): Promise<void> {
    const { maxBatch, commit } = this.#options;
    const group = this.#waiting.splice(0, maxBatch);
    this.#inFlight += 1;
    try {
      await commit(group.map(({ item }) => item));
      for (const { resolve } of group) resolve();
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
    this.#inFlight -= 1;
    if (this.#waiting.length > 0) void this.#commitNext();
  }
}

function full(): HostError {
  return new HostError(
    'unavailable',
    'lane.full',
    'More invocations wait for this node than it can take.',
    { retryAfterMs: 1000 },
  );
}
