/** Collects all that is wrong with a configuration, so that it is told at once. */
export class Problems {
  readonly found: string[] = [];

  add(problem: string): void {
    this.found.push(problem);
  }

  /** The amount that a text names; a problem, and 0, when it names none within the bounds. */
  quantity(
    key: string,
    text: string,
    parse: (text: string) => number | undefined,
    [min, max]: readonly [min: string, max: string],
  ): number {
    const amount = parse(text);
    const isInRange =
      amount !== undefined && amount >= (parse(min) ?? 0) && amount <= (parse(max) ?? 0);
    if (!isInRange) this.add(`${key}: "${text}" is not an amount between ${min} and ${max}`);
    return amount ?? 0;
  }
}
