import { describe, expect, test } from 'vitest';
import type { InvocationRecord } from '../../../src/domain/invocation-record.ts';
import { accepted } from '../../../src/queue/attempt-policy.ts';
import { hopLimit } from '../../../src/domain/event-queue.ts';
import { destinationEvent, destinationOf } from '../../../src/queue/destination-policy.ts';
import { invocationOf } from '../../support/event-queue-worker.ts';

const settings = { onSuccess: { function: 'cheer' }, onFailure: { function: 'mourn' } };

function record(changes: Partial<InvocationRecord>): InvocationRecord {
  return { ...accepted(invocationOf('invocation-1', { settings }), 0), ...changes };
}

describe('the destination of an invocation', () => {
  test('is told of its end, a good or a bad one, and of nothing else', () => {
    expect(destinationOf(record({ state: 'done' }))).toEqual({ function: 'cheer' });
    expect(destinationOf(record({ state: 'dead_letter' }))).toEqual({ function: 'mourn' });
    expect(destinationOf(record({ state: 'cancelled' }))).toBeUndefined();
    expect(destinationOf(record({ state: 'queued' }))).toBeUndefined();
  });

  test('is not told where functions tell one another in a circle', () => {
    const { head } = record({});
    const deep = { ...head, callDepth: hopLimit };
    expect(destinationOf(record({ state: 'done', head: deep }))).toBeUndefined();
  });

  test('is not told of whether another, outside, could be told', () => {
    const destination = { webhook: 'https://example.com/' };
    expect(destinationOf(record({ state: 'dead_letter', destination }))).toBeUndefined();
  });

  test('gets what was asked and what came of it', () => {
    const failure = { reason: 'function.error', message: 'broke' };
    const dead = record({ state: 'dead_letter', endedMs: 0, failure });
    expect(destinationEvent(dead, Buffer.from('{"n":1}'), undefined)).toMatchObject({
      requestContext: { requestId: 'invocation-1', condition: 'RetriesExhausted' },
      requestPayload: { n: 1 },
      responsePayload: { errorMessage: 'broke' },
    });
    const response = { status: 200, headers: [], bytes: 4 };
    expect(
      destinationEvent(record({ state: 'done', response }), undefined, Buffer.from('text')),
    ).toMatchObject({ responseContext: { statusCode: 200 }, responsePayload: 'text' });
  });
});
