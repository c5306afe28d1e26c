export interface BatcherOptions<T, R> {
  /** Items of one batch at most. */
  readonly size: number;
  /** Batches under way at a time. */
  readonly maxConcurrency: number;
  /** How long the first item waits for others. */
  readonly lingerMs: number;
  /** One result for each item, in their order. */
  readonly run: (items: readonly T[]) => Promise<readonly R[]>;
}

interface Waiting<T, R> {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

/** Puts items that come one by one, each with somebody waiting for it, into batches. */
export class Batcher<T, R> {
  readonly #options: BatcherOptions<T, R>;
  #waiting: Waiting<T, R>[] = [];
  #running = 0;
  #linger: NodeJS.Timeout | undefined;

  constructor(options: BatcherOptions<T, R>) {
    this.#options = options;
  }

  add(item: T): Promise<R> {
    const { size, lingerMs } = this.#options;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#waiting.length >= size) this.#flush();
      else this.#linger ??= setTimeout(() => this.#flush(), lingerMs);
    });
  }

  #flush(): void {
    clearTimeout(this.#linger);
    this.#linger = undefined;
    while (this.#waiting.length > 0 && this.#running < this.#options.maxConcurrency) {
      void this.#run(this.#waiting.splice(0, this.#options.size));
    }
  }

  async #run(batch: readonly Waiting<T, R>[]): Promise<void> {
    this.#running += 1;
    try {
      const results = await this.#options.run(batch.map(({ item }) => item));
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as R);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    this.#running -= 1;
    this.#flush();
  }
}
