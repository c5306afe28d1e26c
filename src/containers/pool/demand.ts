import type { SandboxLease } from '../../domain/pool.ts';
import { exhausted } from './errors.ts';
import { goesFirst, type Share } from './fairness-policy.ts';
import { capacityOf, firstOf, waitsSince, type Group } from './group.ts';
import { sendAway } from './waiter.ts';

export interface DemandOptions {
  /** A lease of one that the group has: `none` can take one more, or there is `no_room` to wake it. */
  readonly take: (group: Group) => SandboxLease | 'none' | 'no_room';
  /** Starts making one more sandbox for the group. */
  readonly make: (group: Group) => 'started' | 'at_max' | 'no_room';
  /** Are its sandboxes to be kept, whoever else wants their place? */
  readonly isReserved: (group: Group) => boolean;
}

/** Who waits for so long for room, without a sandbox of the function to hope for, is sent away. */
const roomLimitMs = 10_000;

/**
 * Those who wait: gives them what there is, and has made what they need beside that.
 *
 * INVARIANT: waiters of a function are served in the order in which they came.
 * INVARIANT: of functions that wait for room the one that has least gets the next sandbox; those
 * that have as much take turns. Where there is no room for it, the others wait too, however little
 * they need, or it might wait for ever.
 * INVARIANT: a function that has more of a full node than one that waits gives its places up to it,
 * as its invocations end, until both have as much.
 */
export class Demand {
  readonly #options: DemandOptions;
  /** Those that wait for room, in the order of their turns. */
  readonly #starving = new Set<Group>();

  constructor(options: DemandOptions) {
    this.#options = options;
  }

  /** Is the place of what the group has owed to one that has less? */
  isOwed(group: Group): boolean {
    if (this.#starving.size === 0 || this.#options.isReserved(group)) return false;
    const holder = shareOf(group);
    return this.#starving.values().some((waiting) => goesFirst(shareOf(waiting), holder));
  }

  /** Someone waits in the group. */
  enter(group: Group): void {
    if (this.#starving.has(group)) return;
    this.#starving.add(group);
    if (this.#next() === group) this.feed(); // else there is no room even for who is before it
  }

  /** One of the group's sandboxes can be lent. */
  offer(group: Group): void {
    while (!this.isOwed(group)) {
      const step = this.#step(group);
      if (step === 'satisfied') return void this.#starving.delete(group);
      if (step === 'no_room') break;
    }
    if (group.waiters.size === 0) return;
    this.#starving.add(group);
    this.feed();
  }

  /** There may be more room than there was. */
  feed(): void {
    for (let group = this.#next(); group; group = this.#next()) {
      const step = this.#step(group);
      if (step === 'no_room') return;
      this.#starving.delete(group);
      if (step === 'more') this.#starving.add(group); // behind the others
    }
  }

  /** Who has least; of those that have as much, whose turn it is. */
  #next(): Group | undefined {
    let next: Group | undefined;
    for (const group of this.#starving) {
      if (!next || shareOf(group).heldBytes < shareOf(next).heldBytes) next = group;
    }
    return next;
  }

  sweep(): void {
    const latest = performance.now() - roomLimitMs;
    for (const group of this.#starving) {
      if (group.owner.size === 0 && waitsSince(group) <= latest) {
        sendAway(group.waiters, exhausted());
      }
    }
  }

  /** Serves one who waits, or has one sandbox made: as many as they need beside those on their way. */
  #step(group: Group): 'satisfied' | 'more' | 'no_room' {
    const { take, make } = this.#options;
    const waiter = firstOf(group.waiters);
    if (!waiter) return 'satisfied';
    const lease = take(group);
    if (lease === 'no_room') return 'no_room';
    if (lease !== 'none') {
      waiter.resolve({ lease });
      return 'more';
    }
    if (group.creating >= Math.ceil(group.waiters.size / capacityOf(group.version))) {
      return 'satisfied';
    }
    const made = make(group);
    if (made === 'started') return 'more';
    return made === 'at_max' ? 'satisfied' : 'no_room';
  }
}

function shareOf({ owner, version }: Group): Share {
  const { memoryBytes } = version.spec;
  return { heldBytes: owner.size * memoryBytes, needBytes: memoryBytes };
}
