import { expect, test } from 'vitest';
import { IdRanges } from '../../../src/security/id-ranges.ts';

test('no two sandboxes have ids in common', () => {
  const ranges = new IdRanges();
  const leased = Array.from({ length: 100 }, () => ranges.lease());
  const firsts = leased.map(({ firstId }) => firstId).toSorted((a, b) => a - b);
  for (const [i, first] of firsts.entries()) {
    expect((firsts[i + 1] ?? Infinity) - first).toBeGreaterThanOrEqual(leased[i]?.count ?? 0);
  }
});

test('a range that was given back rests until all others had their turn', () => {
  const ranges = new IdRanges();
  const first = ranges.lease();
  first[Symbol.dispose]();
  expect(ranges.lease().firstId).not.toBe(first.firstId);
});

test('when all are taken the caller is told to come back, and one given back serves again', () => {
  const ranges = new IdRanges();
  const leased = Array.from({ length: 4096 }, () => ranges.lease());
  expect(() => ranges.lease()).toThrow(expect.objectContaining({ code: 'unavailable' }));
  leased[7]?.[Symbol.dispose]();
  expect(ranges.lease().firstId).toBe(leased[7]?.firstId);
});
