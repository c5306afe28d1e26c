/** Past the cap: a label's values must not grow without bound in a registry that forgets none. */
const other = 'other';

/** Values of a label, the first so many as they are, all others as one. */
export class CappedLabels {
  readonly #known = new Set<string>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  of(value: string): string {
    if (this.#known.has(value)) return value;
    if (this.#known.size >= this.#limit) return other;
    this.#known.add(value);
    return value;
  }
}
