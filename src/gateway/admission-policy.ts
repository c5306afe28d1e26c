import type { FunctionSpec } from '../domain/function.ts';
import type { NodeInfo } from '../domain/node.ts';

/** POLICY: from fewer runs than this nothing is told. */
const fewestRuns = 8;

/** POLICY: what would be so many times too late is refused: the next runs may be shorter than the last. */
const certainty = 1.5;

/** POLICY: a run counts for so much of the mean, which so follows the last dozen or two. */
const weight = 1 / 8;

const longestRetryMs = 60_000;

/** What a gateway has of one version at the moment, and has seen of it. */
export interface VersionLoad {
  /** Accepted and not ended. */
  readonly underWay: number;
  /** How many have run, and how long the last ones took. */
  readonly runs: number;
  readonly meanRunMs: number;
}

/** The mean when one more has run; the first ones count alike. */
export function nextMean({ runs, meanRunMs }: VersionLoad, runMs: number): number {
  return meanRunMs + Math.max(weight, 1 / (runs + 1)) * (runMs - meanRunMs);
}

/** How many may run at once at the very most: if these nodes had nothing else to do. */
export function slotsOn(
  nodes: readonly Pick<NodeInfo, 'memoryBytes'>[],
  spec: Pick<FunctionSpec, 'memoryBytes' | 'concurrency' | 'scaling'>,
): number {
  let sandboxes = 0;
  for (const { memoryBytes } of nodes) {
    sandboxes += Math.min(spec.scaling.max, Math.floor(memoryBytes / spec.memoryBytes));
  }
  return Math.max(1, sandboxes) * spec.concurrency;
}

/**
 * For one more invocation that cannot begin in time, as those before it need longer: in how many
 * milliseconds it may be worth another try. Undefined for all others, and for those of which too
 * little is known: who is taken in vain hears of it at the deadline.
 */
export function refusedForMs(
  load: VersionLoad,
  slots: number,
  timeoutMs: number,
): number | undefined {
  const waiting = load.underWay - slots;
  if (waiting <= 0 || load.runs < fewestRuns) return undefined;
  const waitMs = (waiting / slots) * load.meanRunMs;
  if (waitMs <= certainty * timeoutMs) return undefined;
  return Math.min(waitMs - timeoutMs, longestRetryMs);
}
