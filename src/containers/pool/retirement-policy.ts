/** What a sandbox has been through, and what it holds while it serves nobody. */
export interface Wear {
  readonly invocations: number;
  readonly ageMs: number;
  readonly memoryBytes: number;
  readonly memoryLimitBytes: number;
  /** Open descriptors of its runtime. */
  readonly descriptors: number;
  /** 0 to 1, drawn once for each sandbox: those made together do not all end together. */
  readonly spread: number;
}

/** POLICY: what leaks a little at each invocation is gone before it matters; a new one costs ms. */
const invocationsLimit = 100_000;
const ageLimitMs = 12 * 60 * 60_000;

/** POLICY: idle with so much of its memory in use, the next invocation would likely die of it. */
const memoryShareLimit = 0.9;

/** POLICY: half of what a sandbox may open (RLIMIT_NOFILE 1024) is left for invocations. */
const descriptorsLimit = 512;

/** Lives vary by a quarter. */
const spreadShare = 0.25;

/** Should the sandbox be discarded now that it serves nobody? */
export function isWornOut(wear: Wear): boolean {
  const share = 1 - spreadShare * wear.spread;
  return (
    wear.invocations >= invocationsLimit * share ||
    wear.ageMs >= ageLimitMs * share ||
    wear.memoryBytes >= wear.memoryLimitBytes * memoryShareLimit ||
    wear.descriptors >= descriptorsLimit
  );
}
