import {
  IdleHistory,
  isColdAfter,
  warmTime,
  type KeepWarmCost,
} from '../../src/containers/pool/keep-warm-policy.ts';
import { seeded } from './seeded-random.ts';

const minuteMs = 60_000;

/** How functions are called, as idle times in a row; the kinds that traces of clouds show. */
const kinds = {
  'every 5 min': (random: () => number) => 5 * minuteMs * (0.95 + 0.1 * random()),
  'every 15 min': (random: () => number) => 15 * minuteMs * (0.95 + 0.1 * random()),
  'every hour': (random: () => number) => 60 * minuteMs * (0.98 + 0.04 * random()),
  'people, often (every 2 min on average)': (random: () => number) =>
    -2 * minuteMs * Math.log(1 - random()),
  'people, now and then (every 25 min)': (random: () => number) =>
    -25 * minuteMs * Math.log(1 - random()),
  'bursts, an hour apart': (random: () => number) =>
    random() < 0.9 ? 2000 * random() : 60 * minuteMs * (0.9 + 0.2 * random()),
  'rare (twice a day)': (random: () => number) => 12 * 60 * minuteMs * (0.5 + random()),
} as const;

export type TraceKind = keyof typeof kinds;
export const traceKinds = Object.keys(kinds) as TraceKind[];

export function idleTimes(kind: TraceKind, count: number, seed: number): readonly number[] {
  const random = seeded(seed);
  return Array.from({ length: count }, () => kinds[kind](random));
}

/** What it costs to keep a sandbox warm by what was learnt before each idle time, and for 10 min. */
export function replay(times: readonly number[]): {
  readonly auto: KeepWarmCost;
  readonly fixed: KeepWarmCost;
} {
  const history = new IdleHistory();
  const costs = { auto: { coldStarts: 0, warmMs: 0 }, fixed: { coldStarts: 0, warmMs: 0 } };
  for (const idleMs of times) {
    const plans = { auto: history.plan, fixed: { keepMs: 10 * minuteMs } };
    for (const name of ['auto', 'fixed'] as const) {
      if (isColdAfter(plans[name], idleMs)) costs[name].coldStarts += 1;
      costs[name].warmMs += warmTime(plans[name], idleMs);
    }
    history.add(idleMs);
  }
  return costs;
}
