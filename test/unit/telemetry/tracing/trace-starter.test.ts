import { describe, expect, test } from 'vitest';
import { headSampler } from '../../../../src/telemetry/tracing/sampler.ts';
import { TraceStarter } from '../../../../src/telemetry/tracing/trace-starter.ts';

const remote = { traceId: 'a'.repeat(32), parentId: 'b'.repeat(16) };
const traceparent = (flags: string) => `00-${remote.traceId}-${remote.parentId}-${flags}`;
const withHeaders = (headers: Record<string, string>) => (name: string) => headers[name];

describe('a trace', () => {
  const starter = new TraceStarter(headSampler());

  test('begins with ids of its own', () => {
    const [first, second] = [starter.begin(withHeaders({})), starter.begin(withHeaders({}))];
    const ids = [first, second].flatMap(({ traceId, spanId, runSpanId }) => [
      traceId,
      spanId,
      runSpanId,
    ]);
    expect(new Set(ids).size).toBe(6);
    expect(first.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(first.runSpanId).toMatch(/^[0-9a-f]{16}$/);
    expect(first).not.toHaveProperty('parentId');
    expect(first.isSampled).toBe(true);
  });

  test.each([
    ['01', true],
    ['00', false],
  ])('of the caller goes on, with its decision %s', (flags, isSampled) => {
    const context = starter.begin(withHeaders({ traceparent: traceparent(flags) }));
    expect(context).toMatchObject({ ...remote, isSampled });
  });

  test('of an AWS client goes on too, unless W3C says otherwise', () => {
    const xRay = `Root=1-${'c'.repeat(8)}-${'c'.repeat(24)};Parent=${'d'.repeat(16)};Sampled=1`;
    const header = { 'x-amzn-trace-id': xRay };
    expect(starter.begin(withHeaders(header)).traceId).toBe('c'.repeat(32));
    const both = { ...header, traceparent: traceparent('01') };
    expect(starter.begin(withHeaders(both)).traceId).toBe(remote.traceId);
  });
});

describe('OTEL_TRACES_SAMPLER', () => {
  const low = `${'a'.repeat(24)}00000001`;
  const high = `${'a'.repeat(24)}fffffffe`;
  const sampled = { ...remote, isSampled: true };

  test.each([
    ['always_on', undefined, high, { ...sampled, isSampled: false }, true],
    ['always_off', undefined, low, sampled, false],
    ['traceidratio', '0.5', low, undefined, true],
    ['traceidratio', '0.5', high, undefined, false],
    ['traceidratio', '0', low, undefined, false],
    ['traceidratio', '1', high, undefined, true],
    ['parentbased_traceidratio', '0', low, sampled, true],
    ['parentbased_traceidratio', '0', low, undefined, false],
    ['parentbased_always_off', undefined, low, undefined, false],
    ['parentbased_always_off', undefined, low, sampled, true],
  ] as const)('%s %s decides on %s', (name, argument, traceId, caller, decision) => {
    expect(headSampler(name, argument)(traceId, caller)).toBe(decision);
  });
});
