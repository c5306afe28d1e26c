import { randomUUID } from 'node:crypto';
import type { ScheduleStore } from './schedule-store.ts';

/** The right to plan, which one gateway has at a time, for as long as it renews it. */
export class ScheduleLead {
  readonly #store: Pick<ScheduleStore, 'lead' | 'leave'>;
  readonly #leaseMs: number;
  readonly #id = randomUUID();
  #epoch = 0;
  /** By a clock that does not jump. */
  #untilMs = -Infinity;

  constructor(store: Pick<ScheduleStore, 'lead' | 'leave'>, leaseMs: number) {
    this.#store = store;
    this.#leaseMs = leaseMs;
  }

  /** Goes with every write, so that those of an earlier leader are refused. */
  get epoch(): number {
    return this.#epoch;
  }

  /** `isNew`: it was someone else's meanwhile, so nothing that was known may still be true. */
  async renew(): Promise<{ readonly isLeading: boolean; readonly isNew: boolean }> {
    const startedMs = performance.now();
    if (this.#untilMs - startedMs > this.#leaseMs / 2) return { isLeading: true, isNew: false };
    const epoch = await this.#store.lead(this.#id, this.#leaseMs);
    const isNew = epoch !== this.#epoch;
    this.#epoch = epoch;
    this.#untilMs = epoch > 0 ? startedMs + this.#leaseMs : -Infinity;
    return { isLeading: epoch > 0, isNew };
  }

  /** @throws Error when the lease has run out: this process may have stood still for a while. */
  check(): void {
    if (performance.now() >= this.#untilMs) throw new Error('the lead of the schedules ran out');
  }

  async leave(): Promise<void> {
    if (this.#epoch > 0) await this.#store.leave(this.#id);
    this.#epoch = 0;
    this.#untilMs = -Infinity;
  }
}
