import type { SandboxLease } from '../../domain/pool.ts';
import { exhausted } from './errors.ts';
import { capacityOf, waitsSince, type Group } from './group.ts';
import { sendAway } from './waiter.ts';

export interface DemandOptions {
  /** A lease of one that the group has: `none` can take one more, or there is `no_room` to wake it. */
  readonly take: (group: Group) => SandboxLease | 'none' | 'no_room';
  /** Starts making one more sandbox for the group. */
  readonly make: (group: Group) => 'started' | 'at_max' | 'no_room';
}

/** Who waits for so long for room, without a sandbox of the function to hope for, is sent away. */
const roomLimitMs = 10_000;

/**
 * Those who wait: gives them what there is, and has made what they need beside that.
 *
 * INVARIANT: waiters of a function are served in the order in which they came.
 * INVARIANT: where there is no room, the group that has waited longest gets the next, whatever it
 * needs: those behind it wait too, or it might wait for ever.
 */
export class Demand {
  readonly #options: DemandOptions;
  /** Those that wait for room, in the order in which they found none. */
  readonly #starving = new Set<Group>();

  constructor(options: DemandOptions) {
    this.#options = options;
  }

  /** Someone waits in the group. */
  enter(group: Group): void {
    if (this.#starving.has(group)) return;
    if (this.#starving.size > 0 || !this.#advance(group)) this.#starving.add(group);
  }

  /** One of the group's sandboxes can be lent. */
  offer(group: Group): void {
    if (!this.#serve(group)) this.#starving.add(group);
  }

  /** There may be more room than there was. */
  feed(): void {
    for (const group of this.#starving) {
      if (!this.#advance(group)) return;
      this.#starving.delete(group);
    }
  }

  sweep(): void {
    const latest = performance.now() - roomLimitMs;
    for (const group of this.#starving) {
      if (group.owner.size === 0 && waitsSince(group) <= latest) {
        sendAway(group.waiters, exhausted());
      }
    }
  }

  /** False for want of room. */
  #advance(group: Group): boolean {
    return this.#serve(group) && this.#grow(group);
  }

  #serve(group: Group): boolean {
    for (const waiter of group.waiters) {
      const lease = this.#options.take(group);
      if (lease === 'none') return true;
      if (lease === 'no_room') return false;
      waiter.resolve({ lease });
    }
    return true;
  }

  /** As many sandboxes as the waiters need beside those on their way. */
  #grow(group: Group): boolean {
    const needed = Math.ceil(group.waiters.size / capacityOf(group.version));
    while (group.creating < needed) {
      const made = this.#options.make(group);
      if (made !== 'started') return made === 'at_max';
    }
    return true;
  }
}
