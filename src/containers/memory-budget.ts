/** The one owner of the number: how much memory this node's sandboxes may have together. */
export class MemoryBudget {
  readonly limitBytes: number;
  #takenBytes = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  get freeBytes(): number {
    return this.limitBytes - this.#takenBytes;
  }

  /** False, and nothing taken, when there is not enough. */
  take(bytes: number): boolean {
    if (bytes > this.freeBytes) return false;
    this.#takenBytes += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#takenBytes -= bytes;
  }
}
