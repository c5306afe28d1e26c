import { expect, test } from 'vitest';
import { soak } from '../soak/soak.ts';

test('what was accepted ends once, whatever is killed meanwhile', async () => {
  const report = await soak({
    count: 800,
    workers: 2,
    functions: 5,
    killWithinMs: 1_500,
    acceptLimitMs: 45_000,
    settleLimitMs: 90_000,
  });
  expect(report.wrong).toEqual([]);
  expect(report.done + report.deadLetters).toBe(report.accepted);
  expect(report.runs).toBeGreaterThanOrEqual(report.accepted);
}, 150_000);
