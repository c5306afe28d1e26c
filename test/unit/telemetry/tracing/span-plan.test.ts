import { describe, expect, test } from 'vitest';
import type { Facts } from '../../../../src/domain/facts.ts';
import type { TraceContext } from '../../../../src/domain/trace.ts';
import { plannedSpans } from '../../../../src/telemetry/tracing/span-plan.ts';

const trace: TraceContext = {
  traceId: 'a'.repeat(32),
  parentId: 'b'.repeat(16),
  spanId: 'c'.repeat(16),
  runSpanId: 'd'.repeat(16),
  isSampled: true,
};

const completed = (more: Partial<Facts['invocation.completed']> = {}) =>
  plannedSpans({
    type: 'invocation.completed',
    timeMs: 0,
    data: {
      invocationId: 'an-id',
      acceptedMs: 1_000,
      functionName: 'hello',
      version: 'sha256:00',
      outcome: 'ok',
      start: 'stem',
      timings: { run: 4, init: 3, lease: 2, queue: 1 },
      trace,
      ...more,
    },
  });

const answered = (more: Partial<Facts['http.answered']> = {}) =>
  plannedSpans({
    type: 'http.answered',
    timeMs: 0,
    data: {
      invocationId: 'an-id',
      functionName: 'hello',
      method: 'GET',
      route: '/fn/hello',
      status: 200,
      receivedMs: 1_000,
      durationMs: 12,
      trace,
      ...more,
    },
  });

describe('spans', () => {
  test('of an attempt are below one of its own, which is linked to what led to it', () => {
    const links = [{ traceId: 'e'.repeat(32), spanId: 'f'.repeat(16) }];
    const [attempt, ...phases] = completed({
      source: 'queue',
      queue: 'uploads',
      trace: { ...trace, isAttempt: true, links },
    });
    expect(attempt).toMatchObject({
      name: 'process uploads',
      kind: 'consumer',
      spanId: trace.spanId,
      parentId: trace.parentId,
      links,
      startMs: 1_000,
      endMs: 1_010,
    });
    expect(phases.every(({ parentId }) => parentId === trace.spanId)).toBe(true);
  });

  test('of what a lease waited for are below it, and end with it', () => {
    const spans = completed({ steps: { create: 0.5, boot: 1 } });
    const lease = spans.find(({ name }) => name === 'lease');
    const steps = spans.filter(({ name }) => name.startsWith('lease '));
    expect(steps.map(({ name, startMs, endMs }) => [name, startMs, endMs])).toEqual([
      ['lease create', 1_001.5, 1_002],
      ['lease boot', 1_002, 1_003],
    ]);
    expect(steps.every(({ parentId }) => parentId === lease?.spanId)).toBe(true);
  });

  test('of a worker are the phases, one after the other, below the request', () => {
    const spans = completed();
    expect(spans.map(({ name, startMs, endMs }) => [name, startMs, endMs])).toEqual([
      ['queue', 1_000, 1_001],
      ['lease', 1_001, 1_003],
      ['init', 1_003, 1_006],
      ['run hello', 1_006, 1_010],
    ]);
    expect(spans.every(({ parentId }) => parentId === trace.spanId)).toBe(true);
    expect(spans.at(-1)?.spanId).toBe(trace.runSpanId);
  });

  test('of a gateway is the request, below its caller', () => {
    expect(answered()).toEqual([
      expect.objectContaining({
        name: 'GET /fn/hello',
        kind: 'server',
        spanId: trace.spanId,
        parentId: trace.parentId,
        startMs: 1_000,
        endMs: 1_012,
      }),
    ]);
  });

  test('say what went wrong, in the phase in which it did', () => {
    const spans = completed({ outcome: 'timeout', timings: { queue: 1, lease: 2 } });
    expect(spans.map(({ error }) => error)).toEqual([undefined, 'timeout']);
    expect(answered({ status: 504 })[0]?.error).toBe('504');
    expect(answered({ status: 404 })[0]).not.toHaveProperty('error');
  });

  test('are none for what belongs to no trace', () => {
    const data = { functionName: 'hello' };
    expect(plannedSpans({ type: 'function.removed', timeMs: 0, data })).toEqual([]);
    expect(completed({ trace: undefined } as object)).toEqual([]);
  });

  test('of a trace that is not sampled are made for what failed or was slow only', () => {
    const unsampled = { trace: { ...trace, isSampled: false } };
    expect(completed(unsampled)).toEqual([]);
    expect(answered(unsampled)).toEqual([]);
    expect(completed({ ...unsampled, outcome: 'crashed' })).toHaveLength(4);
    expect(completed({ ...unsampled, timings: { run: 1_000 } })).toHaveLength(1);
    expect(answered({ ...unsampled, status: 502 })).toHaveLength(1);
    expect(answered({ ...unsampled, durationMs: 1_000 })).toHaveLength(1);
  });
});
