import type { SandboxUsage } from '../../domain/sandbox.ts';
import type { IdleFreezer } from './idle-freezer.ts';
import type { Member } from './group.ts';
import { isWornOut } from './retirement-policy.ts';

export interface TurnaroundOptions {
  readonly freezer: Pick<IdleFreezer, 'idle' | 'frozen' | 'forget'>;
  /** It can be lent. */
  readonly offer: (member: Member) => void;
  /** It cannot be lent for now. */
  readonly withdraw: (member: Member) => void;
  /** It is frozen and holds so much memory. */
  readonly settled: (member: Member, memoryBytes: number) => void;
}

/** Looking costs some 0.1 ms: done when a sandbox freezes, and at every so manieth invocation. */
const wearCheckEvery = 256;

/**
 * What happens to a sandbox between two invocations. INVARIANT: nobody is lent one in which the
 * last invocation left files or processes behind.
 *
 * It is looked at (some 6 µs) when its last invocation ends, after the answer has gone; when it has
 * been frozen, as what it did after its answer shows then; and when it is about to be lent, as it may
 * have done so just now. Cleaning, where there is something to clean, takes a millisecond or so, in
 * which the sandbox is not to be had.
 */
export class Turnaround {
  readonly #options: TurnaroundOptions;

  constructor(options: TurnaroundOptions) {
    this.#options = options;
  }

  /** Its last invocation has ended. */
  begin(member: Member): void {
    const { sandbox, served } = member;
    const isLookedAt = served > 0 && served % wearCheckEvery === 0;
    if (isLookedAt && wornOut(member, sandbox.usage())) return void sandbox.destroy('retired');
    if (!sandbox.isTidy()) return void this.#tidy(member);
    this.#options.freezer.idle(sandbox, () => this.#frozen(member));
    this.#options.offer(member);
  }

  /** May it be lent? Where not, it is withdrawn, cleaned and offered again. */
  isFit(member: Member): boolean {
    const isFit = member.inUse > 0 || member.sandbox.isTidy();
    if (!isFit) void this.#tidy(member);
    return isFit;
  }

  #frozen(member: Member): void {
    const { sandbox } = member;
    const usage = sandbox.usage();
    if (wornOut(member, usage)) return void sandbox.destroy('retired');
    if (!sandbox.isTidy()) return void this.#tidy(member);
    this.#options.settled(member, usage.memoryBytes);
  }

  /** Stands still from here on, until it is lent. */
  async #tidy(member: Member): Promise<void> {
    const { sandbox } = member;
    const { withdraw, freezer, offer, settled } = this.#options;
    withdraw(member);
    freezer.forget(sandbox);
    const isTidy = await sandbox.tidy();
    if (sandbox.destroyed) return;
    if (!isTidy) return void sandbox.destroy('retired');
    freezer.frozen(sandbox);
    settled(member, sandbox.usage().memoryBytes);
    offer(member);
  }
}

function wornOut({ sandbox, served, bornMs, spread }: Member, usage: SandboxUsage): boolean {
  return isWornOut({
    ...usage,
    invocations: served,
    ageMs: Date.now() - bornMs,
    memoryLimitBytes: sandbox.memoryBytes,
    spread,
  });
}
