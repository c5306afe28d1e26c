import type { FunctionSpec } from '../../domain/function.ts';
import { chooseEvictions, worth } from './eviction-policy.ts';
import type { Group, Member } from './group.ts';
import type { Tokens } from './tokens.ts';

export interface RoomOptions {
  readonly memory: Tokens;
  /** Processors promised to sandboxes that are busy or being made. */
  readonly cpu: Tokens;
  readonly members: ReadonlySet<Member>;
  /** Are its sandboxes to be kept, whoever else wants their place? */
  readonly isReserved: (group: Group) => boolean;
  /** Gives up to so many bytes that are held ready for nobody in particular. */
  readonly yieldStems: (bytes: number) => void;
}

type Need = Pick<FunctionSpec, 'memoryBytes' | 'cpu'>;

/**
 * Who may be here: memory for as long as a sandbox lives, processors while it works.
 *
 * INVARIANT: what sandboxes hold or may take, counting those being made, stays within the budget.
 * A frozen one cannot take more than it holds, so it is charged for that alone, and for the rest
 * before it is thawed: idle sandboxes do not keep others out with memory that they do not use.
 */
export class Room {
  readonly #options: RoomOptions;
  #clock = 0;

  constructor(options: RoomOptions) {
    this.#options = options;
  }

  /** What it is for which the need could never be met. */
  tooSmallFor({ memoryBytes, cpu }: Need): 'memory' | 'cpu' | undefined {
    if (memoryBytes > this.#options.memory.limit) return 'memory';
    return cpu > this.#options.cpu.limit ? 'cpu' : undefined;
  }

  /** For a sandbox about to be made. If only idle ones stand in the way, they are evicted. */
  admit({ memoryBytes, cpu }: Need): boolean {
    return this.#take(memoryBytes, cpu, undefined);
  }

  /** The same, at nobody's cost. */
  admitWhereFree({ memoryBytes, cpu }: Need): boolean {
    const { memory, cpu: processors } = this.#options;
    return memoryBytes <= memory.free && cpu <= processors.free && this.admit({ memoryBytes, cpu });
  }

  /** One that was admitted has not come to be. */
  dismiss({ memoryBytes, cpu }: Need): void {
    this.#options.memory.giveBack(memoryBytes);
    this.#options.cpu.giveBack(cpu);
  }

  /** An idle one is about to work. */
  wake(member: Member): boolean {
    const { memoryBytes, cpu } = member.group.version.spec;
    if (!this.#take(memoryBytes - member.chargedBytes, cpu, member.group)) return false;
    member.chargedBytes = memoryBytes;
    return true;
  }

  /** It has done its work, for now. */
  rest(member: Member): void {
    const { spec } = member.group.version;
    this.#options.cpu.giveBack(spec.cpu);
    member.worth = worth(this.#clock, {
      startMs: member.startMs,
      uses: member.group.owner.uses,
      bytes: spec.memoryBytes,
    });
  }

  /** It is frozen, holding so much. */
  settle(member: Member, bytes: number): void {
    const { memoryBytes } = member.group.version.spec;
    const holds = Math.min(bytes, memoryBytes);
    this.#options.memory.giveBack(member.chargedBytes - holds);
    member.chargedBytes = holds;
  }

  /** An idle one is wholly gone. */
  leave(member: Member): void {
    this.#options.memory.giveBack(member.chargedBytes);
  }

  #take(bytes: number, cpu: number, sparing: Group | undefined): boolean {
    const { memory, cpu: processors } = this.#options;
    if (!processors.take(cpu)) return false;
    if (memory.take(bytes)) return true;
    processors.giveBack(cpu);
    this.#evict(bytes - memory.free, sparing);
    return false; // their memory is free when they are gone, and then the waiters are looked at
  }

  #evict(neededBytes: number, sparing: Group | undefined): void {
    const { members, isReserved, yieldStems } = this.#options;
    const all = [...members];
    const leaving = all.filter(({ sandbox }) => sandbox.destroyed);
    const bytes = leaving.reduce((sum, { chargedBytes }) => sum - chargedBytes, neededBytes);
    if (bytes <= 0) return;
    const idle = all.filter(
      ({ sandbox, inUse, group }) =>
        inUse === 0 && !sandbox.destroyed && group !== sparing && !isReserved(group),
    );
    const eviction = chooseEvictions(idle, bytes, this.#clock);
    if (!eviction) return yieldStems(bytes);
    this.#clock = eviction.clock;
    for (const { sandbox } of eviction.victims) void sandbox.destroy('evicted');
  }
}
