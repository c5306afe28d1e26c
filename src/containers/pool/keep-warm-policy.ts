/** How long a function's sandboxes are kept once it is idle, and when one is made ahead of a call. */
export interface KeepWarmPlan {
  /** After the last invocation. */
  readonly keepMs: number;
  /** In between there is none; times after the last invocation. */
  readonly prewarm?: { readonly fromMs: number; readonly untilMs: number };
}

export interface KeepWarmCost {
  readonly coldStarts: number;
  /** For how long a sandbox was there, waiting. */
  readonly warmMs: number;
}

const minuteMs = 60_000;
const binCount = 240; // four hours

/** POLICY: what is done where the pattern is unclear, and the measure of what is better. */
const fixedPlan: KeepWarmPlan = { keepMs: 10 * minuteMs };

/** Idle times seen before there is a pattern to speak of. */
const fewestIdleTimes = 10;

/** At so many all counts are halved: what is long past fades. */
const mostIdleTimes = 1000;

/** The window of a plan: from where so many of all idle times lie before it, to where all but few do. */
const headShare = 0.05;
const tailShares = [0.99, 1];

/** The window is widened so: idle times to come are not exactly those that were. */
const margin = 0.1;

/** POLICY: a sandbox made ahead costs a start; it must spare the memory of one for so long. */
const leastGapMs = 10 * minuteMs;

/** Of a function whose next call is not expected soon: time for a caller who tries again. */
const graceMs = 15_000;

/** Idle times of one function: between the end of its last invocation and the next one's start. */
export class IdleHistory {
  /** One for each minute, and one for what was longer. Made when there is something to count. */
  #bins: Uint16Array | undefined;
  #total = 0;
  #plan: KeepWarmPlan | undefined;

  add(idleMs: number): void {
    this.#bins ??= new Uint16Array(binCount + 1);
    this.#bins[Math.min(binCount, Math.floor(idleMs / minuteMs))]! += 1;
    this.#total += 1;
    this.#plan = undefined;
    if (this.#total >= mostIdleTimes) this.#fade(this.#bins);
  }

  /**
   * POLICY: the hybrid histogram of Shahrad et al. (2020). From the 5th to the 99th percentile of
   * idle times a sandbox is there; before, where that is long, there is none. It must prove itself:
   * had it been followed so far, it would have cost no more cold starts and no more memory time
   * than ten minutes fixed, else the pattern is unclear and those are the plan.
   */
  get plan(): KeepWarmPlan {
    this.#plan ??= this.#bins ? planFor(this.#bins, this.#total) : fixedPlan;
    return this.#plan;
  }

  #fade(bins: Uint16Array): void {
    this.#total = 0;
    for (const [minute, count] of bins.entries()) {
      bins[minute] = count >> 1;
      this.#total += count >> 1;
    }
  }
}

function planFor(bins: Uint16Array, total: number): KeepWarmPlan {
  if (total < fewestIdleTimes) return fixedPlan;
  const fixed = costOf(fixedPlan, bins);
  let best: { readonly plan: KeepWarmPlan; readonly cost: KeepWarmCost } | undefined;
  for (const plan of tailShares.flatMap((share) => windows(bins, total, share))) {
    const cost = costOf(plan, bins);
    if (cost.coldStarts > fixed.coldStarts || cost.warmMs > fixed.warmMs) continue;
    if (!best || isLess(cost, best.cost)) best = { plan, cost };
  }
  return best?.plan ?? fixedPlan;
}

function isLess(a: KeepWarmCost, b: KeepWarmCost): boolean {
  return (a.coldStarts - b.coldStarts || a.warmMs - b.warmMs) < 0;
}

/** A sandbox from the start of the idle time to its likely end, or only from its likely end on. */
function windows(bins: Uint16Array, total: number, tailShare: number): readonly KeepWarmPlan[] {
  const firstMinute = minuteAt(bins, total * headShare);
  const lastMinute = minuteAt(bins, total * tailShare);
  if (lastMinute === binCount) return [];
  const fromMs = firstMinute * minuteMs * (1 - margin);
  const untilMs = (lastMinute + 1) * minuteMs * (1 + margin);
  const whole = { keepMs: untilMs };
  return fromMs < leastGapMs ? [whole] : [whole, { keepMs: graceMs, prewarm: { fromMs, untilMs } }];
}

/** The minute up to which so many of the idle times lie. */
function minuteAt(bins: Uint16Array, count: number): number {
  let seen = 0;
  for (const [minute, inMinute] of bins.entries()) {
    seen += inMinute;
    if (seen >= count) return minute;
  }
  return binCount;
}

function costOf(plan: KeepWarmPlan, bins: Uint16Array): KeepWarmCost {
  let coldStarts = 0;
  let warmMs = 0;
  for (const [minute, count] of bins.entries()) {
    if (count === 0) continue;
    const idleMs = (minute + 0.5) * minuteMs;
    if (isColdAfter(plan, idleMs)) coldStarts += count;
    warmMs += count * warmTime(plan, idleMs);
  }
  return { coldStarts, warmMs };
}

/** Is there no sandbox after so much idle time? */
export function isColdAfter({ keepMs, prewarm }: KeepWarmPlan, idleMs: number): boolean {
  const isPrewarmed = prewarm && idleMs >= prewarm.fromMs && idleMs < prewarm.untilMs;
  return idleMs >= keepMs && !isPrewarmed;
}

/** For how long of an idle time there is one. */
export function warmTime({ keepMs, prewarm }: KeepWarmPlan, idleMs: number): number {
  const ahead = prewarm ? Math.min(idleMs, prewarm.untilMs) - prewarm.fromMs : 0;
  return Math.min(idleMs, keepMs) + Math.max(0, ahead);
}
