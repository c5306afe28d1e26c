import type { FactPublisher } from '../domain/facts.ts';
import type { Digest, SandboxId } from '../domain/ids.ts';
import type { StartKind } from '../domain/invocation.ts';
import type { LeaseResult, SandboxLease, SandboxLender } from '../domain/pool.ts';
import type { DestroyReason, Sandbox } from '../domain/sandbox.ts';
import type { Service } from '../domain/service.ts';
import type { PreparedVersion } from '../domain/version.ts';
import type { IdleFreezer } from './idle-freezer.ts';
import { MemoryBudget } from './memory-budget.ts';
import { remove, stopping, tooLarge, type Group, type Member, type Waiter } from './pool-group.ts';
import { chooseEvictions, expired, type IdleSandbox } from './pool-policy.ts';
import type { SandboxCreation, SandboxFactory } from './sandbox-factory.ts';

export interface SandboxPoolOptions {
  readonly factory: SandboxFactory;
  readonly freezer: Pick<IdleFreezer, 'idle' | 'busy'>;
  readonly memoryBytes: number;
  readonly facts: FactPublisher;
}

const sweepIntervalMs = 1000;

/**
 * Keeps sandboxes warm and lends them: a warm one if there is one (the most recently used), else
 * a new one while the function's `max` and the node's memory allow, else the next that is free.
 *
 * INVARIANT: a function never has more than `scaling.max` sandboxes, counting those being made.
 * INVARIANT: the memory of all sandboxes, counting those being made, stays within the budget.
 */
export class SandboxPool implements SandboxLender, Service {
  readonly name = 'sandbox pool';
  readonly #options: SandboxPoolOptions;
  readonly #memory: MemoryBudget;
  readonly #groups = new Map<Digest, Group>();
  /** Those with waiters. */
  readonly #hungry = new Set<Group>();
  readonly #members = new Map<SandboxId, Member>();
  readonly #creations = new Set<Promise<void>>();
  readonly #stopped = new AbortController();
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: SandboxPoolOptions) {
    this.#options = options;
    this.#memory = new MemoryBudget(options.memoryBytes);
  }

  async start(): Promise<void> {
    this.#sweeper = setInterval(() => this.#sweep(), sweepIntervalMs);
  }

  /** Destroys every sandbox; who still waits gets `unavailable`. */
  async stop(): Promise<void> {
    clearInterval(this.#sweeper);
    this.#stopped.abort();
    for (const group of this.#hungry) {
      for (const waiter of group.waiters) waiter.reject(stopping());
      group.waiters.clear();
    }
    this.#hungry.clear();
    await Promise.all(this.#creations);
    await Promise.all(
      [...this.#members.values()].map(({ sandbox }) => sandbox.destroy('shutdown')),
    );
  }

  lease(version: PreparedVersion, signal: AbortSignal): Promise<LeaseResult> {
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    if (this.#stopped.signal.aborted) return Promise.reject(stopping());
    if (version.spec.memoryBytes > this.#memory.limitBytes) return Promise.reject(tooLarge());
    const group = this.#group(version);
    const member = this.#pick(group);
    if (member) return Promise.resolve({ lease: this.#lend(group, member) });
    const { promise, resolve, reject } = Promise.withResolvers<LeaseResult>();
    const leave = () => {
      this.#dismiss(group, waiter);
      reject(signal.reason as Error);
    };
    const settle =
      <T>(settled: (value: T) => void) =>
      (value: T) => {
        signal.removeEventListener('abort', leave);
        settled(value);
      };
    const waiter: Waiter = { resolve: settle(resolve), reject: settle(reject) };
    signal.addEventListener('abort', leave, { once: true });
    group.waiters.add(waiter);
    this.#hungry.add(group);
    this.#grow(group);
    return promise;
  }

  #group(version: PreparedVersion): Group {
    let group = this.#groups.get(version.digest);
    if (!group) {
      group = { version, available: [], waiters: new Set(), size: 0, creating: 0 };
      this.#groups.set(version.digest, group);
    }
    return group;
  }

  /** The most recently used that can take one more; one that has died since is dropped. */
  #pick(group: Group): Member | undefined {
    for (;;) {
      const member = group.available.at(-1);
      if (!member?.sandbox.destroyed) return member;
      group.available.pop();
    }
  }

  #dismiss(group: Group, waiter: Waiter): void {
    group.waiters.delete(waiter);
    if (group.waiters.size === 0) this.#hungry.delete(group);
  }

  #dismissFirst(group: Group): Waiter | undefined {
    const [waiter] = group.waiters;
    if (waiter) this.#dismiss(group, waiter);
    return waiter;
  }

  #lend(group: Group, member: Member): SandboxLease {
    const { sandbox, version } = member;
    const isFirst = member.served === 0;
    const start = this.#startOf(member);
    member.served += 1;
    member.inUse += 1;
    if (member.inUse >= version.spec.concurrency) remove(group.available, member);
    let held = true;
    return {
      sandbox,
      start,
      timings: isFirst ? member.timings : {},
      [Symbol.dispose]: () => {
        if (held) this.#release(group, member);
        held = false;
      },
    };
  }

  /** How this lease finds the sandbox; it runs from here on. */
  #startOf({ sandbox, served, start }: Member): StartKind {
    const wasFrozen = this.#options.freezer.busy(sandbox);
    if (served === 0) return start;
    return wasFrozen ? 'thawed' : 'warm';
  }

  #release(group: Group, member: Member): void {
    member.inUse -= 1;
    if (member.sandbox.destroyed) return;
    if (member.sandbox.wanted.aborted) {
      this.#giveUp(member);
      return;
    }
    if (member.version.spec.isolation === 'invocation') {
      void member.sandbox.destroy('spent');
      return;
    }
    if (member.inUse === 0) this.#rest(member);
    if (!group.available.includes(member)) group.available.push(member);
    this.#serveWaiters(group);
    this.#growHungry(); // an idle sandbox may now be evicted for another function
  }

  #rest(member: Member): void {
    member.idleSinceMs = Date.now();
    this.#options.freezer.idle(member.sandbox);
  }

  #serveWaiters(group: Group): void {
    for (const waiter of group.waiters) {
      const member = this.#pick(group);
      if (!member) return;
      this.#dismiss(group, waiter);
      waiter.resolve({ lease: this.#lend(group, member) });
    }
  }

  /** Starts as many sandboxes as the waiters need beside those on their way, within the limits. */
  #grow(group: Group): void {
    const { spec } = group.version;
    const needed = Math.ceil(group.waiters.size / spec.concurrency);
    while (group.creating < needed && group.size < spec.scaling.max) {
      if (!this.#admit(spec.memoryBytes)) return;
      group.size += 1;
      group.creating += 1;
      const creation = this.#create(group).finally(() => this.#creations.delete(creation));
      this.#creations.add(creation);
    }
  }

  #growHungry(): void {
    for (const group of this.#hungry) this.#grow(group);
  }

  /** Takes memory from the budget. If only idle sandboxes stand in the way they are evicted. */
  #admit(bytes: number): boolean {
    if (this.#memory.take(bytes)) return true;
    const victims = chooseEvictions(this.#idle(), bytes - this.#memory.freeBytes);
    for (const id of victims ?? []) void this.#members.get(id)?.sandbox.destroy('evicted');
    return false; // their memory is free when they are gone, and then the waiters are looked at
  }

  async #create(group: Group): Promise<void> {
    const { version } = group;
    const forget = () => {
      group.size -= 1;
      this.#memory.giveBack(version.spec.memoryBytes);
    };
    try {
      const creation = await this.#options.factory.create(version, this.#stopped.signal);
      group.creating -= 1;
      if (creation.failure) {
        forget();
        this.#dismissFirst(group)?.resolve(creation);
      } else {
        this.#join(group, creation, forget);
      }
    } catch (error) {
      group.creating -= 1;
      forget();
      this.#dismissFirst(group)?.reject(error);
    }
    this.#growHungry();
    this.#prune(group);
  }

  #join(
    group: Group,
    creation: Extract<SandboxCreation, { sandbox: Sandbox }>,
    forget: () => void,
  ): void {
    const { sandbox, start, timings } = creation;
    const { version } = group;
    const member: Member = {
      sandbox,
      version,
      start,
      timings,
      inUse: 0,
      served: 0,
      idleSinceMs: Date.now(),
    };
    this.#members.set(sandbox.id, member);
    if (!sandbox.destroyed) group.available.push(member);
    this.#rest(member);
    void sandbox.gone.then((reason) => {
      this.#members.delete(sandbox.id);
      this.#options.freezer.busy(sandbox);
      remove(group.available, member);
      forget();
      this.#published(member, reason);
      this.#growHungry();
      this.#prune(group);
    });
    this.#serveWaiters(group);
    const giveUp = () => {
      remove(group.available, member);
      this.#giveUp(member);
    };
    if (sandbox.wanted.aborted) giveUp();
    sandbox.wanted.addEventListener('abort', giveUp, { once: true });
  }

  /** Something that it holds is needed elsewhere: it serves those that it serves, then it goes. */
  #giveUp({ sandbox, inUse }: Member): void {
    if (inUse === 0) void sandbox.destroy('evicted');
  }

  #published({ sandbox, version, served }: Member, reason: DestroyReason): void {
    this.#options.facts.publish('sandbox.destroyed', {
      sandboxId: sandbox.id,
      functionName: version.spec.name,
      reason,
      invocations: served,
    });
  }

  #prune(group: Group): void {
    if (group.size === 0 && group.waiters.size === 0) this.#groups.delete(group.version.digest);
  }

  #sweep(): void {
    for (const id of expired(this.#idle(), Date.now())) {
      void this.#members.get(id)?.sandbox.destroy('idle');
    }
  }

  *#idle(): Iterable<IdleSandbox> {
    for (const { sandbox, version, inUse, idleSinceMs } of this.#members.values()) {
      if (inUse > 0 || sandbox.destroyed) continue;
      const { id, memoryBytes } = sandbox;
      yield { id, memoryBytes, idleSinceMs, keepWarmMs: version.spec.scaling.keepWarmMs };
    }
  }
}
