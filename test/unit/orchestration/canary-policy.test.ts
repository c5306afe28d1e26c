import { describe, expect, it } from 'vitest';
import { judgeCanary, type VersionRuns } from '../../../src/orchestration/canary-policy.ts';

const plan = { everyMs: 120_000, maxErrorPercent: 2, maxSlowdown: 2 };
const runs = (invocations: number, failures = 0, p95Ms?: number): VersionRuns => ({
  invocations,
  failures,
  p95Ms,
});
const judge = (canary: VersionRuns, live: VersionRuns, observedMs: number) =>
  judgeCanary(plan, { canary, live, observedMs })?.kind;

describe('a canary', () => {
  it.each([
    ['its step is not over', runs(1000), runs(1000), 119_999],
    ['hardly anyone called it', runs(9), runs(1000), 500_000],
    ['nobody called it, however long', runs(0), runs(0), 86_400_000],
    ['one of few failed, which may be chance', runs(10, 1), runs(1000), 120_000],
    ['one of very few failed', runs(5, 1), runs(1000), 120_000],
  ])('waits while %s', (_why, canary, live, observedMs) => {
    expect(judge(canary, live, observedMs)).toBeUndefined();
  });

  it.each([
    ['it does well', runs(10), runs(1000)],
    ['it fails as often as what serves', runs(200, 20, 5), runs(1000, 100, 5)],
    ['what serves is not called at all', runs(50, 0, 900), runs(0)],
    ['it is slower by less than anyone notices', runs(50, 0, 15), runs(50, 0, 2)],
  ])('goes on after its step where %s', (_why, canary, live) => {
    expect(judge(canary, live, 120_000)).toBe('advance');
  });

  it.each([
    ['its first calls all fail', runs(5, 5), runs(1000)],
    ['it fails more often than it may', runs(1000, 60), runs(1000, 10)],
    ['it is much slower', runs(20, 0, 250), runs(20, 0, 100)],
  ])('is rolled back at once where %s', (_why, canary, live) => {
    expect(judge(canary, live, 0)).toBe('roll_back');
  });

  it('is told why', () => {
    const move = judgeCanary(plan, { canary: runs(8, 8), live: runs(100, 1), observedMs: 0 });
    expect(move?.reason).toBe('8 of 8 invocations failed, 100.0 %; the live version has 1.0 %.');
  });
});
