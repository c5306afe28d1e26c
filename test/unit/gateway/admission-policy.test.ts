import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  nextMean,
  refusedForMs,
  slotsOn,
  type VersionLoad,
} from '../../../src/gateway/admission-policy.ts';
import { specOf } from '../../support/function-records.ts';

const mib = 1024 * 1024;
const seen = (underWay: number, meanRunMs: number, runs = 100): VersionLoad => ({
  underWay,
  runs,
  meanRunMs,
});

describe('an invocation', () => {
  test.each([
    ['nothing is under way', seen(0, 60_000), 1, undefined],
    ['all that is under way runs', seen(10, 60_000), 10, undefined],
    ['it begins well in time', seen(6, 1_000), 1, undefined],
    ['it would be a little late', seen(14, 1_000), 1, undefined],
    ['its version was never seen', seen(10_000, 0, 0), 1, undefined],
    ['its version was hardly seen', seen(10_000, 60_000, 7), 1, undefined],
    ['it would be far too late', seen(17, 1_000), 1, 6_000],
    ['a slot is shared by more', seen(160 + 10, 1_000), 10, 6_000],
    ['it would be hours too late', seen(10_000, 10_000), 1, 60_000],
  ])('where %s', (_where, load, slots, expected) => {
    expect(refusedForMs(load, slots, 10_000)).toBe(expected);
  });

  const loads = fc.record({
    underWay: fc.nat(10_000),
    runs: fc.nat(1_000),
    meanRunMs: fc.double({ min: 0, max: 900_000, noNaN: true }),
  });
  const slots = fc.integer({ min: 1, max: 5_000 });
  const timeout = fc.integer({ min: 100, max: 900_000 });

  test('is taken where less is before it, if it is where more is', () => {
    fc.assert(
      fc.property(loads, slots, timeout, fc.nat(10_000), (load, count, timeoutMs, more) => {
        fc.pre(
          refusedForMs({ ...load, underWay: load.underWay + more }, count, timeoutMs) === undefined,
        );
        expect(refusedForMs(load, count, timeoutMs)).toBeUndefined();
      }),
    );
  });

  test('is refused only where those before it need longer than it has', () => {
    fc.assert(
      fc.property(loads, slots, timeout, (load, count, timeoutMs) => {
        const retryMs = refusedForMs(load, count, timeoutMs);
        if (retryMs === undefined) return;
        expect(((load.underWay - count) / count) * load.meanRunMs).toBeGreaterThan(timeoutMs);
        expect(retryMs).toBeGreaterThan(0);
      }),
    );
  });
});

test('the mean lies between the shortest and the longest run, and follows the last ones', () => {
  const runs = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1 });
  const meanOf = (all: readonly number[]): number =>
    all.reduce(
      (load, runMs) => ({ underWay: 0, runs: load.runs + 1, meanRunMs: nextMean(load, runMs) }),
      seen(0, 0, 0),
    ).meanRunMs;
  fc.assert(
    fc.property(runs, (all) => {
      const mean = meanOf(all);
      expect(mean).toBeGreaterThanOrEqual(Math.min(...all) - 1e-6);
      expect(mean).toBeLessThanOrEqual(Math.max(...all) + 1e-6);
    }),
  );
  expect(meanOf([...Array<number>(100).fill(1_000), ...Array<number>(40).fill(10)])).toBeLessThan(
    20,
  );
});

test('slots are bound by the most sandboxes and by the memory of each node', () => {
  const spec = specOf('hello', {
    memoryBytes: 128 * mib,
    concurrency: 2,
    scaling: { min: 0, max: 5 },
  });
  const node = (memory: number) => ({ memoryBytes: memory * mib });
  expect(slotsOn([node(10_000), node(10_000)], spec)).toBe(20);
  expect(slotsOn([node(300), node(10_000)], spec)).toBe(14);
  expect(slotsOn([node(1)], spec)).toBe(2); // it may be there by the next announcement
  expect(slotsOn([], spec)).toBe(2);
});
