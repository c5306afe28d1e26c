import { HostError } from '../domain/errors.ts';
import type { AsyncInvocation, AttemptResult } from '../domain/event-queue.ts';
import type { NodeId } from '../domain/ids.ts';
import {
  isEnded,
  type AttemptRecord,
  type InvocationFailure,
  type InvocationRecord,
} from '../domain/invocation-record.ts';
import { failureOf, retryAfterMs } from './attempt-failure-policy.ts';

/** POLICY: workers lost with one invocation before it is taken to be the cause. */
export const lostLimit = 20;

/** POLICY: pauses while there is no room: they double from the first to the last. */
const throttlePauseMs = { first: 500, last: 30_000 };

/** POLICY: no pause between attempts is longer, whatever the number of failures. */
const longestPauseMs = 15 * 60_000;

/** Clocks of two machines may differ by so much. */
const clockSlackMs = 100;

/** Attempts kept in a record; the oldest are forgotten first, the counts stay. */
const attemptsKept = 50;

/** The record of an invocation that was just accepted. */
export function accepted(invocation: AsyncInvocation, nowMs: number): InvocationRecord {
  const { body: _body, delayMs = 0, maxAgeMs, ...rest } = invocation;
  const settings = { ...rest.settings, maxAgeMs: maxAgeMs ?? rest.settings.maxAgeMs };
  return {
    ...rest,
    settings,
    revision: 1,
    state: 'queued',
    acceptedMs: nowMs,
    dueMs: nowMs + delayMs,
    expiresMs: nowMs + delayMs + settings.maxAgeMs,
    attempts: [],
    spent: 0,
    lost: 0,
    throttled: 0,
  };
}

/**
 * What a worker that was handed the invocation is to do: run the attempt that the record now
 * ends with; or nothing, where it is over, or not due yet (a lost lock brings it back too early).
 */
export function begun(
  record: InvocationRecord,
  { nowMs, node, token }: { readonly nowMs: number; readonly node: NodeId; readonly token: string },
): { readonly run: boolean; readonly record: InvocationRecord } {
  if (isEnded(record.state)) return { run: false, record };
  if (record.state === 'queued' && nowMs + clockSlackMs < record.dueMs) {
    return { run: false, record };
  }
  const settled = withoutLostAttempt(record, nowMs);
  if (settled.cancelRequested) return { run: false, record: over(settled, 'cancelled', nowMs) };
  if (settled.lost > lostLimit) {
    return { run: false, record: dead(settled, lostTooOften(settled.lost), nowMs) };
  }
  if (nowMs >= settled.expiresMs) {
    return { run: false, record: dead(settled, settled.failure ?? tooOld, nowMs) };
  }
  const number = (settled.attempts.at(-1)?.number ?? 0) + 1;
  const attempt = { number, node, startedMs: nowMs };
  const attempts = [...settled.attempts, attempt].slice(-attemptsKept);
  return { run: true, record: next(settled, { state: 'running', token, attempts }) };
}

/** The record after the attempt under way has ended: over, or queued for another one. */
export function ended(
  record: InvocationRecord,
  result: AttemptResult,
  { nowMs, random }: { readonly nowMs: number; readonly random: number },
): InvocationRecord {
  if (isRefusal(result)) return throttledRecord(record, result, nowMs);
  const failure = failureOf(result);
  const closed = closeAttempt(record, result, nowMs);
  if (!failure) {
    const { response } = result;
    const { body, ...head } = response ?? { status: 200, headers: [], body: new Uint8Array(0) };
    return over({ ...closed, response: { ...head, bytes: body.byteLength } }, 'done', nowMs);
  }
  if (record.cancelRequested) return over({ ...closed, failure }, 'cancelled', nowMs);
  const spent = record.spent + 1;
  const failed = { ...closed, failure, spent, throttled: 0 };
  const { attempts, backoffMs } = record.settings;
  if (isFinal(result) || spent >= attempts) return dead(failed, failure, nowMs);
  const pauseMs = retryAfterMs(result) ?? jittered(backoffMs, spent, random);
  const dueMs = nowMs + Math.round(pauseMs);
  if (dueMs >= record.expiresMs) return dead(failed, failure, nowMs);
  return next(failed, { state: 'queued', dueMs });
}

/** The record after its worker gave the attempt up without a result: it is queued again. */
export function handedBack(record: InvocationRecord, nowMs: number): InvocationRecord {
  return next(withoutLostAttempt(record, nowMs), { state: 'queued', dueMs: nowMs });
}

/** Cancels what has not ended; a running one ends when its worker says so. */
export function cancelled(record: InvocationRecord, nowMs: number): InvocationRecord {
  if (isEnded(record.state)) return record;
  if (record.state === 'queued') return over(record, 'cancelled', nowMs);
  return next(record, { cancelRequested: true });
}

/** A dead letter taken up again, with all its attempts and its whole age before it. */
export function redriven(record: InvocationRecord, nowMs: number): InvocationRecord {
  if (record.state !== 'dead_letter') return record;
  const { endedMs: _endedMs, ...rest } = record;
  const expiresMs = nowMs + record.settings.maxAgeMs;
  return next(rest, { state: 'queued', dueMs: nowMs, expiresMs, spent: 0, lost: 0, throttled: 0 });
}

/** POLICY: full jitter (any pause up to the bound is as likely): failures do not return in step. */
export function jittered(firstMs: number, failures: number, random: number): number {
  return random * Math.min(firstMs * 2 ** Math.min(failures - 1, 30), longestPauseMs);
}

/** There was no room: nothing of the function has run, so that nothing is spent. */
function isRefusal({ outcome }: AttemptResult): boolean {
  if (outcome instanceof HostError) {
    return outcome.code === 'unavailable' || outcome.code === 'throttled';
  }
  return outcome.kind === 'timeout' && (outcome.phase === 'queue' || outcome.phase === 'lease');
}

/** What would fail again, however often it was tried. */
function isFinal({ outcome }: AttemptResult): boolean {
  return outcome instanceof HostError && outcome.code !== 'internal';
}

function throttledRecord(
  record: InvocationRecord,
  { outcome }: AttemptResult,
  nowMs: number,
): InvocationRecord {
  const attempts = record.attempts.slice(0, -1);
  const asked = outcome instanceof HostError ? outcome.retryAfterMs : undefined;
  const { first, last } = throttlePauseMs;
  const pauseMs = Math.max(asked ?? 0, Math.min(first * 2 ** Math.min(record.throttled, 30), last));
  const throttled = record.throttled + 1;
  if (record.cancelRequested) return over({ ...record, attempts }, 'cancelled', nowMs);
  const dueMs = nowMs + pauseMs;
  if (dueMs >= record.expiresMs) {
    return dead({ ...record, attempts }, record.failure ?? noRoom(outcome), nowMs);
  }
  return next({ ...record, attempts }, { state: 'queued', dueMs, throttled });
}

function closeAttempt(
  record: InvocationRecord,
  { outcome, version, start, timings }: AttemptResult,
  endedMs: number,
): InvocationRecord {
  return withLastAttempt(record, {
    endedMs,
    outcome: outcome instanceof HostError ? 'host_error' : outcome.kind,
    timings,
    ...(version === undefined ? {} : { version }),
    ...(start === undefined ? {} : { start }),
  });
}

/** An attempt that is still open when another begins was lost with its worker. */
function withoutLostAttempt(record: InvocationRecord, nowMs: number): InvocationRecord {
  if (record.state !== 'running') return record;
  const closed = withLastAttempt(record, { endedMs: nowMs, outcome: 'lost' });
  return { ...closed, lost: record.lost + 1 };
}

function withLastAttempt(
  record: InvocationRecord,
  changes: Partial<AttemptRecord>,
): InvocationRecord {
  const last = record.attempts.at(-1);
  if (!last) return record;
  return { ...record, attempts: [...record.attempts.slice(0, -1), { ...last, ...changes }] };
}

function over(
  record: InvocationRecord,
  state: 'done' | 'dead_letter' | 'cancelled',
  endedMs: number,
): InvocationRecord {
  return next(record, { state, endedMs });
}

function dead(
  record: InvocationRecord,
  failure: InvocationFailure,
  nowMs: number,
): InvocationRecord {
  return over({ ...record, failure }, 'dead_letter', nowMs);
}

/** INVARIANT: every change has the next revision, and only a running record has a token. */
function next(record: InvocationRecord, changes: Partial<InvocationRecord>): InvocationRecord {
  const changed = { ...record, ...changes, revision: record.revision + 1 };
  if (changed.state === 'running') return changed;
  const { token: _token, ...rest } = changed;
  return rest;
}

const tooOld: InvocationFailure = {
  reason: 'async.expired',
  message: 'Its maximum age passed before it could run.',
};

const lostTooOften = (lost: number): InvocationFailure => ({
  reason: 'async.lost',
  message: `Its worker was lost ${lost} times while it ran.`,
});

function noRoom(outcome: AttemptResult['outcome']): InvocationFailure {
  if (outcome instanceof HostError) return { reason: outcome.reason, message: outcome.message };
  return {
    reason: 'async.no_room',
    message: 'There was no sandbox for it within its maximum age.',
  };
}
