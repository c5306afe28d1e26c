import { setTimeout } from 'node:timers/promises';

/** POLICY: progress of one batch is written so often at most; what is newer meanwhile counts. */
const intervalMs = 200;

export interface ProgressReportsOptions {
  /** Messages of the batch. */
  readonly size: number;
  /** Writes the progress of one of them. May reject: progress is nothing to fail for. */
  readonly write: (index: number, value: unknown) => Promise<void>;
}

/** What a function says of how far its messages are: of each the newest alone is kept. */
export class ProgressReports {
  readonly #options: ProgressReportsOptions;
  readonly #latest = new Map<number, Uint8Array>();
  readonly #ending = new AbortController();
  #writing: Promise<void> | undefined;

  constructor(options: ProgressReportsOptions) {
    this.#options = options;
  }

  /** `json` is the function's word, and checked by nobody yet. */
  report(index: number, json: Uint8Array): void {
    if (index >= this.#options.size || this.#ending.signal.aborted) return;
    this.#latest.set(index, json);
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
  }

  /** Takes no more; resolves when the newest of each message is written. */
  async end(): Promise<void> {
    this.#ending.abort();
    await this.#writing;
  }

  async #write(): Promise<void> {
    for (;;) {
      const [next] = this.#latest;
      if (!next) return;
      const [index, json] = next;
      this.#latest.delete(index);
      try {
        await this.#options.write(index, JSON.parse(Buffer.from(json).toString()));
      } catch {
        // no JSON, or Redis is away, or the job is gone
      }
      const { signal } = this.#ending;
      await setTimeout(intervalMs, undefined, { signal }).catch(() => {}); // cut short by the end
    }
  }
}
