import { describe, expect, test } from 'vitest';
import {
  functionTraceHeaders,
  parseTraceparent,
  parseXRayHeader,
} from '../../../src/domain/trace.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parentId = '00f067aa0ba902b7';

describe('traceparent', () => {
  test.each([
    ['00', '01', true],
    ['00', '00', false],
    ['00', '03', true],
  ])('of version %s with flags %s is read', (version, flags, isSampled) => {
    const text = `${version}-${traceId}-${parentId}-${flags}`;
    expect(parseTraceparent(text)).toEqual({ traceId, parentId, isSampled });
  });

  test('of a later version is read as far as it is known', () => {
    const text = `01-${traceId}-${parentId}-01-more`;
    expect(parseTraceparent(text)?.traceId).toBe(traceId);
  });

  test.each([
    '',
    'nonsense',
    `ff-${traceId}-${parentId}-01`,
    `00-${traceId}-${parentId}`,
    `00-${traceId}-${parentId}-01x`,
    `00-${traceId.toUpperCase()}-${parentId}-01`,
    `00-${'0'.repeat(32)}-${parentId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
  ])('%j is ignored', (text) => {
    expect(parseTraceparent(text)).toBeUndefined();
  });
});

describe("X-Ray's header", () => {
  test('has the same digits', () => {
    const text = `Root=1-${traceId.slice(0, 8)}-${traceId.slice(8)};Parent=${parentId};Sampled=1`;
    expect(parseXRayHeader(text)).toEqual({ traceId, parentId, isSampled: true });
  });

  test.each(['', 'Root=1-5-6', `Root=1-${traceId.slice(0, 8)}-${traceId.slice(8)}`])(
    '%j is ignored',
    (text) => {
      expect(parseXRayHeader(text)).toBeUndefined();
    },
  );
});

test('a function is told the same place in both forms', () => {
  const context = { traceId, spanId: 'a'.repeat(16), runSpanId: parentId, isSampled: true };
  const headers = new Map(functionTraceHeaders(context));
  const expected = { traceId, parentId, isSampled: true };
  expect(parseTraceparent(headers.get('traceparent') ?? '')).toEqual(expected);
  expect(parseXRayHeader(headers.get('x-amzn-trace-id') ?? '')).toEqual(expected);
});
