import { describe, expect, test } from 'vitest';
import { IdleHistory } from '../../../src/containers/pool/keep-warm-policy.ts';
import { idleTimes, replay, traceKinds, type TraceKind } from '../../support/idle-traces.ts';

const minuteMs = 60_000;
const seeds = [1, 2, 3, 4, 5];

function planAfter(...times: readonly number[]) {
  const history = new IdleHistory();
  for (const idleMs of times) history.add(idleMs);
  return history.plan;
}

describe('what is learnt of idle times', () => {
  test('is nothing at first: ten minutes', () => {
    expect(planAfter()).toEqual({ keepMs: 10 * minuteMs });
    expect(planAfter(...Array<number>(9).fill(minuteMs))).toEqual({ keepMs: 10 * minuteMs });
  });

  test('keeps a busy function until shortly after its longest idle time', () => {
    const { keepMs, prewarm } = planAfter(...Array<number>(100).fill(3.5 * minuteMs));
    expect(keepMs).toBeGreaterThan(3.5 * minuteMs);
    expect(keepMs).toBeLessThan(5 * minuteMs);
    expect(prewarm).toBeUndefined();
  });

  test('makes a sandbox shortly before a call that comes every half hour, and has none in between', () => {
    const { keepMs, prewarm } = planAfter(...Array<number>(20).fill(30.5 * minuteMs));
    expect(keepMs).toBeLessThan(minuteMs);
    expect(prewarm?.fromMs).toBeGreaterThan(25 * minuteMs);
    expect(prewarm?.fromMs).toBeLessThan(30 * minuteMs);
    expect(prewarm?.untilMs).toBeGreaterThan(31 * minuteMs);
    expect(prewarm?.untilMs).toBeLessThan(36 * minuteMs);
  });

  test('is nothing where idle times are longer than it can see', () => {
    expect(planAfter(...Array<number>(50).fill(300 * minuteMs))).toEqual({ keepMs: 10 * minuteMs });
  });

  test('fades: a new pattern replaces an old one', () => {
    const old = Array<number>(900).fill(30.5 * minuteMs);
    const now = Array<number>(5000).fill(2.5 * minuteMs);
    expect(planAfter(...old, ...now).keepMs).toBeLessThan(5 * minuteMs);
  });
});

describe('over generated traces, what is learnt', () => {
  const total = (kind: TraceKind) => {
    const costs = seeds.map((seed) => replay(idleTimes(kind, 500, seed)));
    const sum = (name: 'auto' | 'fixed', what: 'coldStarts' | 'warmMs') =>
      costs.reduce((all, cost) => all + cost[name][what], 0);
    return {
      auto: { cold: sum('auto', 'coldStarts'), warmMs: sum('auto', 'warmMs') },
      fixed: { cold: sum('fixed', 'coldStarts'), warmMs: sum('fixed', 'warmMs') },
    };
  };

  test.each(traceKinds)('costs no more memory time than ten minutes fixed: %s', (kind) => {
    const { auto, fixed } = total(kind);
    expect(auto.warmMs).toBeLessThanOrEqual(fixed.warmMs);
    expect(auto.cold - fixed.cold).toBeLessThan(0.005 * 500 * seeds.length);
  });

  test('saves most cold starts of what comes at regular times', () => {
    for (const kind of ['every 15 min', 'every hour'] as const) {
      const { auto, fixed } = total(kind);
      expect(auto.cold).toBeLessThan(fixed.cold * 0.1);
    }
  });

  test('has fewer cold starts in all', () => {
    const costs = traceKinds.map(total);
    const cold = (name: 'auto' | 'fixed') => costs.reduce((all, cost) => all + cost[name].cold, 0);
    expect(cold('auto')).toBeLessThan(cold('fixed') * 0.7);
  });
});
