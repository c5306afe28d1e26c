import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HostError } from '../../../src/domain/errors.ts';
import type { AttemptResult } from '../../../src/domain/event-queue.ts';
import { isEnded, type InvocationRecord } from '../../../src/domain/invocation-record.ts';
import {
  accepted,
  begun,
  cancelled,
  ended,
  handedBack,
  jittered,
  lostLimit,
  redriven,
} from '../../../src/queue/attempt-policy.ts';
import { answered, failed, invocationOf } from '../../support/event-queue-worker.ts';

const id = '00000000-0000-4000-8000-000000000000';
const refused: AttemptResult = {
  outcome: new HostError('unavailable', 'pool.full', 'no room'),
  timings: {},
};

function start(settings = {}, nowMs = 0): InvocationRecord {
  return accepted(invocationOf(id, { settings }), nowMs);
}

/** Begins the attempt when it is due. */
function begin(record: InvocationRecord, nowMs = record.dueMs): InvocationRecord {
  return begun(record, { nowMs, node: 'node-1', token: 'mine' }).record;
}

const finish = (record: InvocationRecord, result: AttemptResult, nowMs = record.dueMs) =>
  ended(record, result, { nowMs, random: 0.5 });

/** Everything that can happen to an invocation while it has not ended. */
const happening = fc.constantFrom('ok', 'fail', 'refuse', 'lose', 'hand back', 'cancel');

describe('an invocation', () => {
  test('always ends, spends no more attempts than it has, and only failures spend them', () => {
    const histories = fc.array(happening, { maxLength: 80 });
    const settings = fc.record({
      attempts: fc.integer({ min: 1, max: 10 }),
      backoffMs: fc.integer({ min: 1, max: 60_000 }),
      maxAgeMs: fc.integer({ min: 1_000, max: 3_600_000 }),
    });
    fc.assert(
      fc.property(histories, settings, (history, given) => {
        let record = start(given);
        let nowMs = 0;
        let failures = 0;
        const step = (next: InvocationRecord) => {
          if (next !== record) expect(next.revision).toBe(record.revision + 1);
          expect(next.token !== undefined).toBe(next.state === 'running');
          record = next;
        };
        for (const event of [...history, ...Array.from({ length: 400 }, () => 'refuse')]) {
          if (isEnded(record.state)) break;
          nowMs = Math.max(nowMs, record.dueMs) + 1;
          if (event === 'cancel') step(cancelled(record, nowMs));
          if (isEnded(record.state)) break;
          step(begin(record, nowMs));
          if (isEnded(record.state)) break;
          if (event === 'fail') failures += record.cancelRequested ? 0 : 1;
          if (event === 'ok') step(finish(record, answered('ok'), nowMs));
          if (event === 'fail') step(finish(record, failed('no'), nowMs));
          if (event === 'refuse') step(finish(record, refused, nowMs));
          if (event === 'hand back') step(handedBack(record, nowMs));
        }
        expect(isEnded(record.state)).toBe(true);
        expect(record.spent).toBe(failures);
        expect(record.spent).toBeLessThanOrEqual(given.attempts);
        expect(record.endedMs).toBeLessThanOrEqual(record.expiresMs + 60_000);
        expect(record.attempts.every(({ endedMs }) => endedMs !== undefined)).toBe(true);
      }),
    );
  });

  test('is a dead letter with its last error when its attempts are spent', () => {
    let record = start({ attempts: 2 });
    record = finish(begin(record), failed('first'));
    expect(record).toMatchObject({ state: 'queued', spent: 1 });
    record = finish(begin(record), failed('second'));
    expect(record).toMatchObject({ state: 'dead_letter', failure: { message: 'Error: second' } });
  });

  test('that was lost with its worker is tried again, but not for ever', () => {
    let record = start({ attempts: 1 });
    for (let lost = 0; lost <= lostLimit; lost += 1) record = begin(record, lost);
    expect(record).toMatchObject({ state: 'running', lost: lostLimit, spent: 0 });
    expect(begin(record, 100)).toMatchObject({
      state: 'dead_letter',
      failure: { reason: 'async.lost' },
    });
  });

  test('is not begun before it is due, nor after its maximum age', () => {
    const waiting = finish(begin(start()), failed('no'));
    expect(begun(waiting, { nowMs: waiting.dueMs - 1_000, node: 'n', token: 't' })).toEqual({
      run: false,
      record: waiting,
    });
    expect(begin(waiting, waiting.expiresMs)).toMatchObject({
      state: 'dead_letter',
      failure: { reason: 'function.error' },
    });
  });

  test('comes back when the function asks for it, by its Retry-After', () => {
    const busy: AttemptResult = {
      ...answered('later', 503),
      response: { status: 503, headers: [['Retry-After', '120']], body: Buffer.from('later') },
    };
    expect(finish(begin(start()), busy, 1_000)).toMatchObject({
      state: 'queued',
      dueMs: 121_000,
      failure: { reason: 'function.status' },
    });
  });

  test('that is wrong in itself is not tried again', () => {
    const outcome = new HostError('not_found', 'async.no_function', 'gone');
    expect(finish(begin(start()), { outcome, timings: {} }).state).toBe('dead_letter');
  });

  test('that could not have its next attempt in time is dead now', () => {
    const record = start({ maxAgeMs: 10_000, backoffMs: 60_000 });
    expect(finish(begin(record), failed('no')).state).toBe('dead_letter');
  });

  test('that ended is not begun, cancelled or handed over again', () => {
    const done = finish(begin(start()), answered('ok'));
    expect(begin(done)).toBe(done);
    expect(cancelled(done, 5)).toBe(done);
  });

  test('that was redriven has its attempts and its age before it', () => {
    const dead = finish(begin(start({ attempts: 1 })), failed('no'));
    const again = redriven(dead, 1_000_000);
    expect(again).toMatchObject({ state: 'queued', spent: 0, dueMs: 1_000_000 });
    expect(again.expiresMs).toBe(1_000_000 + again.settings.maxAgeMs);
    expect(begin(again, 1_000_000).attempts.at(-1)?.number).toBe(2);
  });
});

describe('a pause', () => {
  test('is anything up to a bound that doubles, and never above a quarter of an hour', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3_600_000 }),
        fc.integer({ min: 1, max: 1_000 }),
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        (firstMs, failures, random) => {
          const bound = Math.min(firstMs * 2 ** (failures - 1), 15 * 60_000);
          expect(jittered(firstMs, failures, random)).toBeCloseTo(random * bound, 3);
        },
      ),
    );
  });
});
