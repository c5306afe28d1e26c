/** A sandbox that serves nobody now, as this policy sees it. */
export interface EvictableSandbox {
  /** What would become free. */
  readonly chargedBytes: number;
  /** As `worth` gave it when the sandbox was last used. */
  readonly worth: number;
}

export interface Eviction<S> {
  readonly victims: readonly S[];
  /** The clock from now on. */
  readonly clock: number;
}

/**
 * What a sandbox is worth at its last use: what its next cold start would cost, times how often its
 * function is called, for each byte it holds (greedy dual: Cao and Irani 1997; with frequencies:
 * Cherkasova 1998; for functions: Fuerst and Sharma 2021). `clock` is the worth of the last victim:
 * what has not been used since has less than what has, however much it was worth once.
 */
export function worth(
  clock: number,
  sandbox: { readonly startMs: number; readonly uses: number; readonly bytes: number },
): number {
  return clock + (sandbox.startMs * sandbox.uses) / Math.max(1, sandbox.bytes);
}

/**
 * Whom to evict so that `neededBytes` become free: those worth least first, and none without need.
 * Undefined when all of them together would not be enough: then evicting helps nobody.
 */
export function chooseEvictions<S extends EvictableSandbox>(
  idle: readonly S[],
  neededBytes: number,
  clock: number,
): Eviction<S> | undefined {
  const chosen: S[] = [];
  let freedBytes = 0;
  for (const sandbox of idle.toSorted((a, b) => a.worth - b.worth)) {
    if (freedBytes >= neededBytes) break;
    chosen.push(sandbox);
    freedBytes += sandbox.chargedBytes;
  }
  if (freedBytes < neededBytes) return undefined;
  const victims = withoutNeedless(chosen, freedBytes - neededBytes);
  return { victims, clock: Math.max(clock, ...victims.map((victim) => victim.worth)) };
}

/** The last one chosen may be so large that some before it need not go: the worthiest are spared. */
function withoutNeedless<S extends EvictableSandbox>(
  chosen: readonly S[],
  surplusBytes: number,
): readonly S[] {
  let surplus = surplusBytes;
  return chosen.toReversed().filter(({ chargedBytes }) => {
    if (chargedBytes > surplus) return true;
    surplus -= chargedBytes;
    return false;
  });
}
