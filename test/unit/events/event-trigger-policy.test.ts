import { describe, expect, test } from 'vitest';
import { hopLimit } from '../../../src/domain/event-queue.ts';
import type { Fact, Facts, FactType } from '../../../src/domain/facts.ts';
import { noTracing } from '../../../src/domain/trace.ts';
import { eventInvocation } from '../../../src/events/event-invocation.ts';
import {
  isFor,
  subscriptions,
  type Subscription,
} from '../../../src/events/event-trigger-policy.ts';
import { recordOf, specOf } from '../../support/function-records.ts';

const fact = <T extends FactType>(type: T, data: Facts[T]): Fact =>
  ({ type, timeMs: 0, data }) as Fact;
const completed = (more: Partial<Facts['invocation.completed']> = {}): Fact =>
  fact('invocation.completed', {
    invocationId: 'i',
    acceptedMs: 0,
    functionName: 'shop-cart',
    version: 'sha256:00',
    outcome: 'timeout',
    timings: {},
    ...more,
  });
const removed = (functionName: string): Fact => fact('function.removed', { functionName });
const thawed = (functionName: string): Fact =>
  fact('sandbox.thawed', { sandboxId: 's', functionName });

const subscriptionFor = (
  types: readonly string[],
  match: Subscription['patterns'][0]['match'] = {},
): Subscription => {
  const [made] = subscriptions([recordOf({ ...specOf('watch'), events: [{ types, match }] })], []);
  return made!;
};
const nobody = () => false;

describe('a function is told of a fact', () => {
  test.each([
    ['of its type', ['invocation.completed'], {}, true],
    ['of its kind', ['invocation.*'], {}, true],
    ['of no other', ['function.*', 'sandbox.created'], {}, false],
    [
      'whose data has one of the values',
      ['invocation.*'],
      { outcome: ['crashed', 'timeout'] },
      true,
    ],
    ['whose data fits', ['invocation.*'], { functionName: ['shop-*'] }, true],
    [
      'with all that is asked for',
      ['invocation.*'],
      { functionName: ['shop-*'], outcome: ['ok'] },
      false,
    ],
    ['with a key that is there', ['invocation.*'], { status: [200] }, false],
  ])('%s', (_what, types, match, isTold) => {
    expect(
      isFor(
        subscriptionFor(types, match as Subscription['patterns'][0]['match']),
        completed(),
        nobody,
      ),
    ).toBe(isTold);
  });
});

describe('functions that are told of facts do not go round in a circle', () => {
  const all = subscriptionFor(['invocation.*', 'sandbox.*', 'function.*']);
  const isTriggered = (name: string) => name === 'watch' || name === 'other';

  test('by what concerns themselves', () => {
    expect(isFor(all, removed('watch'), isTriggered)).toBe(false);
    expect(isFor(all, removed('other'), isTriggered)).toBe(true);
  });

  test('by one another, for longer than the limit', () => {
    const other = { functionName: 'other' };
    expect(isFor(all, completed({ ...other, callDepth: hopLimit - 1 }), isTriggered)).toBe(true);
    expect(isFor(all, completed({ ...other, callDepth: hopLimit }), isTriggered)).toBe(false);
  });

  test('by facts that do not count what led to them', () => {
    expect(isFor(all, thawed('other'), isTriggered)).toBe(false);
    expect(isFor(all, thawed('another'), isTriggered)).toBe(true);
  });
});

test('an event is told as a CloudEvent, once, and counts what led to it', () => {
  const streamed = { id: '1-0.0', source: 'worker/n', fact: completed({ callDepth: 2 }) };
  const first = eventInvocation(subscriptionFor(['invocation.*']), streamed, noTracing);
  const again = eventInvocation(subscriptionFor(['invocation.*']), streamed, noTracing);
  expect(first).toMatchObject({ functionName: 'watch', source: 'event', head: { callDepth: 3 } });
  expect(again.id).toBe(first.id);
  expect(JSON.parse(Buffer.from(first.body).toString())).toMatchObject({
    specversion: '1.0',
    type: 'dev.hearth.invocation.completed',
    data: { functionName: 'shop-cart' },
  });
});
