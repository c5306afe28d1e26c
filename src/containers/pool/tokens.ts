/** The one owner of a number: how much of something this node's sandboxes may have together. */
export class Tokens {
  readonly limit: number;
  #taken = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get free(): number {
    return this.limit - this.#taken;
  }

  /** False, and nothing taken, when there is not enough. */
  take(amount: number): boolean {
    if (amount > this.free) return false;
    this.#taken += amount;
    return true;
  }

  giveBack(amount: number): void {
    this.#taken -= amount;
  }
}
