import type { FactPublisher } from '../domain/facts.ts';
import type { StartKind } from '../domain/invocation.ts';
import type {
  LeaseResult,
  Reservation,
  SandboxLease,
  SandboxLender,
  SandboxReserver,
} from '../domain/pool.ts';
import type { DestroyReason } from '../domain/sandbox.ts';
import type { Service } from '../domain/service.ts';
import type { PreparedVersion } from '../domain/version.ts';
import { Creations } from './creations.ts';
import type { IdleFreezer } from './idle-freezer.ts';
import { exhausted, stopping, tooLarge, tooManyWaiters } from './pool-errors.ts';
import {
  capacityOf,
  firstOf,
  FunctionPool,
  remove,
  waitsSince,
  type Group,
  type Member,
} from './pool-group.ts';
import { Room } from './pool-room.ts';
import { PoolUpkeep } from './pool-upkeep.ts';
import { waitIn } from './pool-waiter.ts';
import type { SandboxFactory } from './sandbox-factory.ts';
import type { Tokens } from './tokens.ts';
import { Turnaround } from './turnaround.ts';

export interface SandboxPoolOptions {
  readonly factory: SandboxFactory;
  readonly freezer: Pick<IdleFreezer, 'idle' | 'busy' | 'frozen'>;
  readonly memory: Tokens;
  /** Processors promised to sandboxes that work; many times what there is, as few need all of it. */
  readonly cpu: Tokens;
  /** Gives up stems so that so many bytes become free; resolves to those that are. */
  readonly yieldStems: (bytes: number) => Promise<number>;
  readonly facts: FactPublisher;
}

const sweepIntervalMs = 1000;

/** More than wait for one function are sent away at once. */
const waitersLimit = 5000;

/** Who waits for so long for room, without a sandbox of the function to hope for, is sent away. */
const roomLimitMs = 10_000;

/**
 * Lends sandboxes: the most recently used (warm, else thawed), else a new one (from a stem, else
 * cold) while the function's `max` and the node's room allow, else the next that is free.
 *
 * INVARIANT: a function never has more than `scaling.max` sandboxes, counting those being made and
 * those not wholly gone, of all its versions and for all callers.
 * INVARIANT: waiters of a function are served in the order in which they came.
 */
export class SandboxPool implements SandboxLender, SandboxReserver, Service {
  readonly name = 'sandbox pool';
  readonly #options: SandboxPoolOptions;
  readonly #room: Room;
  readonly #creations: Creations;
  readonly #turnaround: Turnaround;
  readonly #upkeep: PoolUpkeep;
  readonly #functions = new Map<string, FunctionPool>();
  readonly #members = new Set<Member>();
  /** Those that wait for room, in the order in which they found none. */
  readonly #starving = new Set<Group>();
  #isStopping = false;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: SandboxPoolOptions) {
    this.#options = options;
    this.#upkeep = new PoolUpkeep({
      functions: this.#functions,
      make: (group, mayEvict) => this.#makeAhead(group, mayEvict),
    });
    this.#room = new Room({
      memory: options.memory,
      cpu: options.cpu,
      members: this.#members,
      isReserved: (group) => this.#upkeep.isReserved(group),
      yieldStems: (bytes) => void this.#yieldStems(bytes),
    });
    this.#creations = new Creations({
      factory: options.factory,
      onMade: (member) => this.#join(member),
      onFailed: ({ owner, version }) => {
        this.#room.dismiss(version.spec);
        this.#moveOn(owner);
      },
    });
    this.#turnaround = new Turnaround({
      freezer: options.freezer,
      offer: (member) => this.#offer(member),
      withdraw: (member) => remove(member.group.available, member),
      settled: (member, bytes) => {
        this.#room.settle(member, bytes);
        this.#feed();
      },
    });
  }

  async start(): Promise<void> {
    this.#sweeper = setInterval(() => this.#sweep(), sweepIntervalMs);
  }

  /** Destroys every sandbox; who still waits gets `unavailable`. */
  async stop(): Promise<void> {
    clearInterval(this.#sweeper);
    this.#isStopping = true;
    for (const { groups } of this.#functions.values()) {
      for (const group of groups.values()) sendAway(group, stopping());
    }
    await this.#creations.stop();
    await Promise.all([...this.#members].map(({ sandbox }) => sandbox.destroy('shutdown')));
  }

  lease(
    version: PreparedVersion,
    caller: string | undefined,
    signal: AbortSignal,
  ): Promise<LeaseResult> {
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    if (this.#isStopping) return Promise.reject(stopping());
    const lacking = this.#room.tooSmallFor(version.spec);
    if (lacking) return Promise.reject(tooLarge(lacking));
    const owner = this.#functionOf(version.spec.name);
    const group = owner.group(version, caller);
    this.#upkeep.called(owner, version, caller);
    const member = group.waiters.size === 0 ? this.#available(group) : undefined;
    if (member && this.#wake(member)) return Promise.resolve({ lease: this.#lend(member) });
    if (group.waiters.size >= waitersLimit) {
      return Promise.reject(tooManyWaiters(version.spec.scaling.max));
    }
    const waiting = waitIn(group.waiters, signal);
    this.#enter(group);
    return waiting;
  }

  reserve(reservations: ReadonlyMap<string, Reservation>): void {
    this.#upkeep.reserve(reservations);
  }

  #functionOf(name: string): FunctionPool {
    let owner = this.#functions.get(name);
    if (!owner) this.#functions.set(name, (owner = new FunctionPool()));
    return owner;
  }

  /** The most recently used that can take one more. */
  #available(group: Group): Member | undefined {
    if (group.owner.mustYield(group)) return undefined;
    while (group.available.at(-1)?.sandbox.destroyed) group.available.pop();
    return group.available.at(-1);
  }

  #wake(member: Member): boolean {
    return member.inUse > 0 || this.#room.wake(member);
  }

  #lend(member: Member, wasMadeForIt = false): SandboxLease {
    const { sandbox, group } = member;
    const start = this.#startOf(member, wasMadeForIt);
    member.served += 1;
    member.inUse += 1;
    group.owner.inUse += 1;
    group.owner.uses += 1;
    if (member.inUse >= capacityOf(group.version)) remove(group.available, member);
    let held = true;
    return {
      sandbox,
      start,
      timings: wasMadeForIt ? member.timings : {},
      [Symbol.dispose]: () => {
        if (held) this.#release(member);
        held = false;
      },
    };
  }

  /** How this lease finds the sandbox; it runs from here on. */
  #startOf({ sandbox, start }: Member, wasMadeForIt: boolean): StartKind {
    const wasFrozen = this.#options.freezer.busy(sandbox);
    if (wasMadeForIt) return start;
    return wasFrozen ? 'thawed' : 'warm';
  }

  #release(member: Member): void {
    const { sandbox, group } = member;
    const { owner } = group;
    member.inUse -= 1;
    owner.inUse -= 1;
    if (owner.inUse === 0) owner.idleSinceMs = Date.now();
    if (member.inUse === 0) {
      member.idleSinceMs = Date.now();
      this.#room.rest(member);
    }
    if (!sandbox.destroyed) this.#takeBack(member);
    this.#feed(); // there are processors, and perhaps a sandbox that may be evicted
  }

  #takeBack(member: Member): void {
    const { inUse, sandbox } = member;
    if (inUse > 0) return sandbox.wanted.aborted ? undefined : this.#offer(member);
    const reason = this.#whyNotKept(member);
    if (reason) void member.sandbox.destroy(reason);
    else this.#turnaround.begin(member);
  }

  #whyNotKept({ sandbox, group }: Member): DestroyReason | undefined {
    if (sandbox.wanted.aborted) return 'evicted';
    if (group.version.spec.isolation === 'invocation') return 'spent';
    if (this.#upkeep.isSuperseded(group)) return 'superseded';
    return group.owner.mustYield(group) ? 'evicted' : undefined;
  }

  #offer(member: Member): void {
    const { group } = member;
    if (!group.available.includes(member)) group.available.push(member);
    if (!this.#serve(group)) this.#starving.add(group);
  }

  #enter(group: Group): void {
    if (this.#starving.has(group)) return;
    if (this.#starving.size > 0 || !this.#advance(group)) this.#starving.add(group);
  }

  /** There may be more room than there was: for the group that has waited longest, then the next. */
  #feed(): void {
    for (const group of this.#starving) {
      if (!this.#advance(group)) return; // those behind it wait too, or it might wait for ever
      this.#starving.delete(group);
    }
  }

  async #yieldStems(bytes: number): Promise<void> {
    if ((await this.#options.yieldStems(bytes)) > 0) this.#feed();
  }

  /** Gives the waiters what there is and starts making what they need. False for want of room. */
  #advance(group: Group): boolean {
    return this.#serve(group) && this.#grow(group);
  }

  #serve(group: Group): boolean {
    for (const waiter of group.waiters) {
      const member = this.#available(group);
      if (!member) return true;
      if (!this.#wake(member)) return false;
      waiter.resolve({ lease: this.#lend(member) });
    }
    return true;
  }

  /** As many sandboxes as the waiters need beside those on their way. */
  #grow(group: Group): boolean {
    const { owner, version } = group;
    const needed = Math.ceil(group.waiters.size / capacityOf(version));
    while (group.creating < needed) {
      if (owner.size >= version.spec.scaling.max) {
        void owner.whoMakesWayFor(group)?.sandbox.destroy('evicted');
        return true;
      }
      if (!this.#room.admit(version.spec)) return false;
      this.#creations.start(group);
    }
    return true;
  }

  /** A sandbox before anyone asks for it. */
  #makeAhead(group: Group, mayEvict: boolean): boolean {
    const { spec } = group.version;
    if (this.#isStopping || group.owner.size >= spec.scaling.max) return false;
    if (!(mayEvict ? this.#room.admit(spec) : this.#room.admitWhereFree(spec))) return false;
    this.#creations.start(group, group.owner.idleSinceMs);
    return true;
  }

  #join(member: Member): void {
    const { sandbox, group } = member;
    this.#members.add(member);
    group.members.add(member);
    void sandbox.gone.then((reason) => this.#gone(member, reason));
    sandbox.wanted.addEventListener('abort', () => this.#giveUp(member), { once: true });
    this.#room.rest(member);
    const waiter = firstOf(group.waiters);
    if (sandbox.wanted.aborted) return this.#giveUp(member);
    if (sandbox.destroyed) return;
    if (!waiter || !this.#wake(member)) return this.#turnaround.begin(member);
    group.available.push(member);
    waiter.resolve({ lease: this.#lend(member, true) });
    if (!this.#serve(group)) this.#starving.add(group);
  }

  /** Something that it holds is needed elsewhere: it serves those that it serves, then it goes. */
  #giveUp(member: Member): void {
    remove(member.group.available, member);
    if (member.inUse === 0) void member.sandbox.destroy('evicted');
  }

  #gone(member: Member, reason: DestroyReason): void {
    const { sandbox, group, served } = member;
    this.#members.delete(member);
    group.members.delete(member);
    remove(group.available, member);
    this.#options.freezer.busy(sandbox);
    group.owner.size -= 1;
    this.#room.leave(member);
    this.#options.facts.publish('sandbox.destroyed', {
      sandboxId: sandbox.id,
      functionName: group.version.spec.name,
      reason,
      invocations: served,
    });
    this.#moveOn(group.owner);
  }

  /** The function has a place more, and the node the room that was taken. */
  #moveOn(owner: FunctionPool): void {
    if (owner.size === 0) owner.uses = 0;
    this.#feed();
    for (const group of owner.hungry()) this.#enter(group);
    owner.prune();
  }

  #sweep(): void {
    const latest = performance.now() - roomLimitMs;
    for (const group of this.#starving) {
      if (group.owner.size === 0 && waitsSince(group) <= latest) sendAway(group, exhausted());
    }
    this.#upkeep.sweep(Date.now());
    this.#feed();
  }
}

function sendAway(group: Group, error: Error): void {
  for (const waiter of group.waiters) waiter.reject(error);
}
