import { expect, test } from 'vitest';
import type { Facts } from '../../../src/domain/facts.ts';
import { UsageTally } from '../../../src/telemetry/usage/usage-tally.ts';

const endedMs = Date.parse('2026-01-31T23:59:59.000Z');
const oneGb = 1e9;

const completed = (more: Partial<Facts['invocation.completed']> = {}) => ({
  invocationId: 'an-id',
  acceptedMs: 0,
  functionName: 'hello',
  version: 'sha256:00' as const,
  outcome: 'ok' as const,
  timings: { queue: 9_000, lease: 9_000, init: 500, run: 1_500 },
  ...more,
});

test('sums up by day and function: what loads and runs, not what waits', () => {
  const tally = new UsageTally();
  tally.add(completed(), endedMs, oneGb);
  tally.add(completed({ outcome: 'timeout' }), endedMs, oneGb);
  tally.measured({ functionName: 'hello', cpuMs: 500, egressBytes: 70 }, endedMs);
  tally.measured({ functionName: 'hello', cpuMs: 250, egressBytes: 0 }, endedMs);
  tally.add(completed({ functionName: 'other', timings: {} }), endedMs + 1_000, 0);
  const days = tally.take();
  expect(days.get('2026-01-31')?.get('hello')).toEqual({
    invocations: 2,
    failures: 1,
    gbSeconds: 4,
    cpuSeconds: 0.75,
    egressBytes: 70,
  });
  expect(days.get('2026-02-01')?.get('other')).toMatchObject({ invocations: 1, gbSeconds: 0 });
});

test('has nothing twice, and forgets nothing that could not be written', () => {
  const tally = new UsageTally();
  tally.add(completed(), endedMs, oneGb);
  const taken = tally.take();
  expect(tally.take().size).toBe(0);
  tally.add(completed(), endedMs, oneGb);
  tally.putBack(taken);
  expect(tally.take().get('2026-01-31')?.get('hello')?.invocations).toBe(2);
});
