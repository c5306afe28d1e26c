import type { CanaryMove } from '../domain/deployer.ts';
import type { Canary } from '../domain/function.ts';

/** How the invocations of a version went since the present step began. */
export interface VersionRuns {
  readonly invocations: number;
  readonly failures: number;
  readonly p95Ms: number | undefined;
}

export interface CanaryEvidence {
  readonly canary: VersionRuns;
  readonly live: VersionRuns;
  /** For so long it has been looked at. */
  readonly observedMs: number;
}

/** POLICY: fewer say nothing. A canary whose version is not called waits. */
const fewestToAdvance = 10;
const fewestToRollBack = 5;
/** One alone may be chance. */
const fewestFailures = 2;
/** Percentiles of fewer jump about. */
const fewestTimed = 20;
/** Slower by no more than this is no slowdown: a trivial function runs for a millisecond or two. */
const slackMs = 20;
/** Of the normal distribution: 97.5 % sure, on one side. */
const sureness = 1.96;

/**
 * What to do with a canary now; undefined: wait. It is rolled back as soon as its failures, or its
 * run times, are surely worse than it may have, and advanced when its step is over and nothing
 * speaks against it. In between, where it looks worse but is not surely so, it waits for more calls.
 */
export function judgeCanary(
  { everyMs, maxErrorPercent, maxSlowdown }: Omit<Canary, 'next' | 'since'>,
  { canary, live, observedMs }: CanaryEvidence,
): CanaryMove | undefined {
  const allowed = errorRate(live) + maxErrorPercent / 100;
  const rate = errorRate(canary);
  const isCounted = canary.invocations >= fewestToRollBack && canary.failures >= fewestFailures;
  if (isCounted && surelyAtLeast(canary) > allowed) {
    const reason = `${canary.failures} of ${canary.invocations} invocations failed, ${percent(rate)}; the live version has ${percent(errorRate(live))}.`;
    return { kind: 'roll_back', reason };
  }
  if (isSlower(canary, live, maxSlowdown)) {
    const reason = `95 % of its invocations ran up to ${ms(canary.p95Ms)}; of the live version up to ${ms(live.p95Ms)}.`;
    return { kind: 'roll_back', reason };
  }
  if (observedMs < everyMs || canary.invocations < fewestToAdvance || rate > allowed) {
    return undefined;
  }
  const reason = `${canary.failures} of ${canary.invocations} invocations failed.`;
  return { kind: 'advance', reason };
}

function isSlower(canary: VersionRuns, live: VersionRuns, maxSlowdown: number): boolean {
  if (canary.p95Ms === undefined || live.p95Ms === undefined) return false;
  if (Math.min(canary.invocations, live.invocations) < fewestTimed) return false;
  return canary.p95Ms > live.p95Ms * maxSlowdown + slackMs;
}

const errorRate = ({ failures, invocations }: VersionRuns): number =>
  invocations === 0 ? 0 : failures / invocations;

/** The lower end of Wilson's interval: the error rate is hardly less, however few were seen. */
function surelyAtLeast(runs: VersionRuns): number {
  const n = runs.invocations;
  const rate = errorRate(runs);
  const z2 = sureness ** 2 / n;
  const spread = sureness * Math.sqrt((rate * (1 - rate)) / n + z2 / (4 * n));
  return (rate + z2 / 2 - spread) / (1 + z2);
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

const ms = (value: number | undefined): string => `${Math.round(value ?? 0)} ms`;
