import type { MakingTimings, StartKind } from '../../domain/invocation.ts';
import type { Sandbox } from '../../domain/sandbox.ts';
import type { PreparedVersion } from '../../domain/version.ts';
import { IdleHistory } from './keep-warm-policy.ts';
import type { Waiter } from './waiter.ts';
import type { SandboxCreation } from '../sandbox-factory.ts';

/** A sandbox in the pool. */
export interface Member {
  readonly sandbox: Sandbox;
  readonly group: Group;
  /** How it was made and how long that took: told to the invocation that it was made for. */
  readonly start: StartKind;
  readonly timings: MakingTimings;
  readonly startMs: number;
  readonly bornMs: number;
  /** 0 to 1, drawn once, for policies that must not treat all alike. */
  readonly spread: number;
  inUse: number;
  served: number;
  idleSinceMs: number;
  /** What it has of the memory budget: its limit, or what it holds while it is frozen. */
  chargedBytes: number;
  /** As the eviction policy gave it at the last use. */
  worth: number;
}

/** Sandboxes that can stand in for one another: of one version, and of one caller if that matters. */
export interface Group {
  readonly version: PreparedVersion;
  readonly owner: FunctionPool;
  readonly members: Set<Member>;
  /** With room for one more invocation; the most recently used last. */
  readonly available: Member[];
  /** First in, first out. */
  readonly waiters: Set<Waiter>;
  creating: number;
}

/** All that the pool has of one function, whatever the version. */
export class FunctionPool {
  readonly groups = new Map<string, Group>();
  readonly history = new IdleHistory();
  /** Sandboxes alive or being made, and those not wholly gone. */
  size = 0;
  /** Invocations under way. */
  inUse = 0;
  /** Invocations since it last had no sandbox. */
  uses = 0;
  /** When the last invocation ended; undefined before the first. */
  idleSinceMs: number | undefined;
  /** What was called last, which is likely to be called next. */
  lastCalled:
    | { readonly version: PreparedVersion; readonly caller: string | undefined }
    | undefined;
  /** A sandbox has been made ahead since the last call; at most one is, whatever becomes of it. */
  isAwaited = false;

  group(version: PreparedVersion, caller: string | undefined): Group {
    const { digest, spec } = version;
    const key = spec.isolation === 'tenant' ? `${digest} ${caller ?? ''}` : digest;
    let group = this.groups.get(key);
    if (!group) {
      const lists = { members: new Set<Member>(), available: [], waiters: new Set<Waiter>() };
      group = { version, owner: this, ...lists, creating: 0 };
      this.groups.set(key, group);
    }
    return group;
  }

  /** Those with waiters; who has waited longest first. */
  hungry(): readonly Group[] {
    const groups = [...this.groups.values()].filter(({ waiters }) => waiters.size > 0);
    return groups.length < 2 ? groups : groups.toSorted((a, b) => waitsSince(a) - waitsSince(b));
  }

  /** Has someone waited longer for another version, or as another caller, and `max` is reached? */
  mustYield(group: Group): boolean {
    if (this.groups.size === 1) return false;
    const [first] = this.hungry();
    if (!first || first === group || first.creating > 0) return false;
    return this.size >= first.version.spec.scaling.max && waitsSince(first) < waitsSince(group);
  }

  /** At `max`: the idle sandbox whose place this group gets, unless a place is about to be free. */
  whoMakesWayFor(group: Group): Member | undefined {
    if (this.groups.size === 1) return undefined;
    const members = [...this.groups.values()].flatMap((other) => Array.from(other.members));
    if (members.some(({ sandbox }) => sandbox.destroyed)) return undefined;
    return members
      .filter((member) => member.group !== group && member.inUse === 0)
      .toSorted((a, b) => a.idleSinceMs - b.idleSinceMs)[0];
  }

  /** Forgets groups with nobody in them. */
  prune(): void {
    for (const [key, { members, waiters, creating }] of this.groups) {
      if (members.size + waiters.size + creating === 0) this.groups.delete(key);
    }
  }
}

/** Infinity when nobody waits. */
export function waitsSince({ waiters }: Group): number {
  return firstOf(waiters)?.sinceMs ?? Infinity;
}

export function newMember(
  group: Group,
  { sandbox, start, timings }: Extract<SandboxCreation, { failure?: undefined }>,
  startMs: number,
  idleSinceMs = Date.now(),
): Member {
  return {
    sandbox,
    group,
    start,
    timings,
    startMs,
    idleSinceMs,
    bornMs: Date.now(),
    spread: Math.random(),
    inUse: 0,
    served: 0,
    chargedBytes: group.version.spec.memoryBytes,
    worth: 0,
  };
}

/** Invocations that one sandbox may have at once. */
export function capacityOf({ spec }: PreparedVersion): number {
  return spec.isolation === 'invocation' ? 1 : spec.concurrency;
}

export function firstOf<T>(items: Iterable<T>): T | undefined {
  for (const item of items) return item;
  return undefined;
}

export function remove<T>(list: T[], item: T): void {
  const index = list.indexOf(item);
  if (index >= 0) list.splice(index, 1);
}
