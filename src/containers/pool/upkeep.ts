import type { Reservation } from '../../domain/pool.ts';
import type { PreparedVersion } from '../../domain/version.ts';
import { isColdAfter } from './keep-warm-policy.ts';
import { FunctionPool, type Group, type Member } from './group.ts';

export interface UpkeepOptions {
  readonly functions: Map<string, FunctionPool>;
  /** Starts making a sandbox that nobody has asked for. False where there is no room. */
  readonly make: (group: Group, mayEvict: boolean) => boolean;
}

/**
 * Looks after what nobody asks for at the moment: lets go what has been idle for too long, makes
 * what will be asked for soon, keeps what is to be kept.
 */
export class Upkeep {
  readonly #options: UpkeepOptions;
  #reservations: ReadonlyMap<string, Reservation> | undefined;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  /** An invocation has come, and is not counted yet. */
  called(owner: FunctionPool, version: PreparedVersion, caller: string | undefined): void {
    owner.lastCalled = { version, caller };
    owner.isAwaited = false;
    if (owner.inUse > 0 || owner.idleSinceMs === undefined) return;
    if (owner.hungry().length === 0) owner.history.add(Date.now() - owner.idleSinceMs);
  }

  /** Replaces what was said before. Sandboxes of versions that are not served go now, if idle. */
  reserve(reservations: ReadonlyMap<string, Reservation>): void {
    this.#reservations = reservations;
    for (const [name, { ready }] of reservations) {
      if (ready && !this.#options.functions.has(name)) {
        this.#options.functions.set(name, new FunctionPool());
      }
    }
    this.sweep(Date.now());
  }

  /** Is it called no more? Who was sent to it before that, and waits, is served first. */
  isSuperseded({ version: { digest, spec }, waiters }: Group): boolean {
    return waiters.size === 0 && this.#reservations?.get(spec.name)?.served.has(digest) === false;
  }

  /** Are all sandboxes of the group to be kept? */
  isReserved({ version: { digest, spec }, members }: Group): boolean {
    const ready = this.#reservations?.get(spec.name)?.ready;
    return ready?.version.digest === digest && members.size <= ready.count;
  }

  sweep(nowMs: number): void {
    for (const [name, owner] of this.#options.functions) {
      for (const group of owner.groups.values()) this.#letGo(group, nowMs);
      this.#keepReady(owner, this.#reservations?.get(name)?.ready);
      this.#makeAhead(owner, nowMs);
      if (owner.groups.size === 0 && this.#reservations?.has(name) === false) {
        this.#options.functions.delete(name); // the function has been removed
      }
    }
  }

  #letGo(group: Group, nowMs: number): void {
    const isSuperseded = this.isSuperseded(group);
    for (const member of group.members) {
      if (member.inUse > 0 || member.sandbox.destroyed) continue;
      if (isSuperseded) void member.sandbox.destroy('superseded');
      else if (isOverdue(member, nowMs) && !this.isReserved(group)) {
        void member.sandbox.destroy('idle');
      }
    }
  }

  #keepReady(owner: FunctionPool, ready: Reservation['ready']): void {
    if (!ready) return;
    const group = owner.group(ready.version, undefined);
    while (countReady(group) < ready.count) if (!this.#options.make(group, true)) return;
  }

  /** Where a plan expects the next call soon, and there is no sandbox. */
  #makeAhead(owner: FunctionPool, nowMs: number): void {
    const { lastCalled, isAwaited, size, idleSinceMs, history } = owner;
    if (!lastCalled || isAwaited || size > 0 || idleSinceMs === undefined) return;
    const { version, caller } = lastCalled;
    const { prewarm } = history.plan;
    if (version.spec.scaling.keepWarmMs !== undefined || !prewarm) return;
    const idleMs = nowMs - idleSinceMs;
    if (idleMs < prewarm.fromMs || idleMs >= prewarm.untilMs) return;
    owner.isAwaited = true;
    this.#options.make(owner.group(version, caller), false);
  }
}

/** Alive or being made; of those that serve one invocation only, those that have not yet. */
function countReady({ members, creating, version }: Group): number {
  const isFresh = ({ sandbox, served }: Member) =>
    !sandbox.destroyed && (version.spec.isolation !== 'invocation' || served === 0);
  return creating + [...members].filter(isFresh).length;
}

function isOverdue({ group, idleSinceMs }: Member, nowMs: number): boolean {
  const { keepWarmMs } = group.version.spec.scaling;
  const idleMs = nowMs - idleSinceMs;
  return keepWarmMs === undefined
    ? isColdAfter(group.owner.history.plan, idleMs)
    : idleMs >= keepWarmMs;
}
