import { setTimeout as delay } from 'node:timers/promises';

/** Does a task again and again, with a pause in between, until stopped; never twice at once. */
export class Repeating {
  readonly #intervalMs: number;
  readonly #task: () => Promise<void>;
  readonly #stopped = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  /** The task must not reject, and must be bounded in time. */
  constructor(intervalMs: number, task: () => Promise<void>) {
    this.#intervalMs = intervalMs;
    this.#task = task;
  }

  /** The first time is after one pause. */
  start(): void {
    this.#loop = this.#run(this.#stopped.signal);
  }

  /** Resolves when the task is not running and will not again. */
  stop(): Promise<void> {
    this.#stopped.abort();
    return this.#loop;
  }

  async #run(signal: AbortSignal): Promise<void> {
    for (;;) {
      await delay(this.#intervalMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      await this.#task();
    }
  }
}
