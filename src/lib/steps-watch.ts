/** Times steps that follow one another, in milliseconds. */
export class StepsWatch<Step extends string> {
  readonly #timings: Partial<Record<Step, number>> = {};
  #sinceMs = performance.now();

  get timings(): Readonly<Partial<Record<Step, number>>> {
    return this.#timings;
  }

  /** The step took from the last call, or from the start, until now. */
  did(step: Step): void {
    const nowMs = performance.now();
    this.#timings[step] = nowMs - this.#sinceMs;
    this.#sinceMs = nowMs;
  }
}
