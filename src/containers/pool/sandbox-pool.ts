import type { FactPublisher } from '../../domain/facts.ts';
import type {
  LeaseResult,
  Reservation,
  SandboxLease,
  SandboxLender,
  SandboxReserver,
} from '../../domain/pool.ts';
import type { DestroyReason } from '../../domain/sandbox.ts';
import type { Service } from '../../domain/service.ts';
import type { PreparedVersion } from '../../domain/version.ts';
import { Creations } from './creations.ts';
import type { IdleFreezer } from './idle-freezer.ts';
import { Demand } from './demand.ts';
import { stopping, tooLarge, tooManyWaiters } from './errors.ts';
import { capacityOf, firstOf, FunctionPool, remove, type Group, type Member } from './group.ts';
import { Room } from './room.ts';
import { Upkeep } from './upkeep.ts';
import { sendAway, waitIn } from './waiter.ts';
import type { SandboxFactory } from '../sandbox-factory.ts';
import type { Tokens } from './tokens.ts';
import { Turnaround } from './turnaround.ts';

export interface SandboxPoolOptions {
  readonly factory: SandboxFactory;
  readonly freezer: Pick<IdleFreezer, 'idle' | 'busy' | 'frozen' | 'forget'>;
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

/**
 * Lends sandboxes: the most recently used (warm, else thawed), else a new one (from a stem, else
 * cold) while the function's `max` and the node's room allow, else the next that is free.
 *
 * INVARIANT: a function never has more than `scaling.max` sandboxes, counting those being made and
 * those not wholly gone, of all its versions and for all callers.
 */
export class SandboxPool implements SandboxLender, SandboxReserver, Service {
  readonly name = 'sandbox pool';
  readonly #options: SandboxPoolOptions;
  readonly #room: Room;
  readonly #creations: Creations;
  readonly #turnaround: Turnaround;
  readonly #upkeep: Upkeep;
  readonly #demand: Demand;
  readonly #functions = new Map<string, FunctionPool>();
  readonly #members = new Set<Member>();
  #isStopping = false;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: SandboxPoolOptions) {
    this.#options = options;
    this.#upkeep = new Upkeep({
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
    this.#demand = new Demand({
      take: (group) => this.#take(group),
      make: (group) => this.#make(group),
      isReserved: (group) => this.#upkeep.isReserved(group),
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
        this.#demand.feed();
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
      for (const { waiters } of groups.values()) sendAway(waiters, stopping());
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
    const isFree = group.waiters.size === 0 && !this.#demand.isOwed(group);
    const lease = isFree ? this.#take(group) : 'none';
    if (typeof lease !== 'string') return Promise.resolve({ lease });
    if (group.waiters.size >= waitersLimit) {
      return Promise.reject(tooManyWaiters(version.spec.scaling.max));
    }
    const waiting = waitIn(group.waiters, signal);
    this.#demand.enter(group);
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

  #take(group: Group): SandboxLease | 'none' | 'no_room' {
    const member = this.#available(group);
    if (!member) return 'none';
    return this.#wake(member) ? this.#lend(member) : 'no_room';
  }

  /** The most recently used that can take one more, and is as the function expects it. */
  #available(group: Group): Member | undefined {
    if (group.owner.mustYield(group)) return undefined;
    const { available } = group;
    for (let member = available.at(-1); member; member = available.at(-1)) {
      if (member.sandbox.destroyed) available.pop();
      else if (this.#turnaround.isFit(member)) return member;
    }
    return undefined;
  }

  #wake(member: Member): boolean {
    return member.inUse > 0 || this.#room.wake(member);
  }

  #lend(member: Member, wasMadeForIt = false): SandboxLease {
    const { sandbox, group } = member;
    const found = this.#options.freezer.busy(sandbox) ? 'thawed' : 'warm'; // it runs from here on
    member.served += 1;
    member.inUse += 1;
    group.owner.inUse += 1;
    group.owner.uses += 1;
    if (member.inUse >= capacityOf(group.version)) remove(group.available, member);
    let held = true;
    return {
      sandbox,
      start: wasMadeForIt ? member.start : found,
      timings: wasMadeForIt ? member.timings : {},
      [Symbol.dispose]: () => {
        if (held) this.#release(member);
        held = false;
      },
    };
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
    this.#demand.feed(); // there are processors, and perhaps a sandbox that may be evicted
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
    this.#demand.offer(group);
  }

  async #yieldStems(bytes: number): Promise<void> {
    if ((await this.#options.yieldStems(bytes)) > 0) this.#demand.feed();
  }

  #make(group: Group): 'started' | 'at_max' | 'no_room' {
    const { owner, version } = group;
    if (owner.size >= version.spec.scaling.max) {
      void owner.whoMakesWayFor(group)?.sandbox.destroy('evicted');
      return 'at_max';
    }
    if (!this.#room.admit(version.spec)) return 'no_room';
    this.#creations.start(group);
    return 'started';
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
    this.#demand.offer(group);
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
    this.#options.freezer.forget(sandbox);
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
    this.#demand.feed();
    for (const group of owner.hungry()) this.#demand.enter(group);
    owner.prune();
  }

  #sweep(): void {
    this.#demand.sweep();
    this.#upkeep.sweep(Date.now());
    this.#demand.feed();
  }
}
