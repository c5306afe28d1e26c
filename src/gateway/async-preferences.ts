import type { IncomingHttpHeaders } from 'node:http';
import { HostError } from '../domain/errors.ts';
import type { AsyncPreferences } from '../domain/event-queue.ts';
import { priorityLimit } from '../domain/limits.ts';
import { parseDuration } from '../lib/units.ts';

/**
 * What a request wants of an invocation that nobody waits for; undefined where the caller waits.
 * RFC 7240, section 4.1, or Lambda's words; when, how soon and how long in headers of our own.
 * @throws HostError `invalid`
 */
export function asyncPreferences(headers: IncomingHttpHeaders): AsyncPreferences | undefined {
  const delayMs = durationOf(headers, 'x-hearth-delay');
  const maxAgeMs = durationOf(headers, 'x-hearth-max-age');
  const priority = priorityOf(headers);
  const wishes = {
    ...(delayMs === undefined ? {} : { delayMs }),
    ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
    ...(priority === undefined ? {} : { priority }),
  };
  if (wantsNoAnswer(headers)) return wishes;
  if (Object.keys(wishes).length > 0) throw onlyWithoutWaiting();
  return undefined;
}

function wantsNoAnswer({ prefer = '', ...headers }: IncomingHttpHeaders): boolean {
  const preferences = Array.isArray(prefer) ? prefer.join(',') : prefer;
  if (/(^|[,;\s])respond-async($|[,;\s])/i.test(preferences)) return true;
  return headers['x-amz-invocation-type'] === 'Event';
}

/** POLICY: nothing waits longer than a month, whether for its time or for room. */
const longestMs = 31 * 24 * 3_600_000;

function durationOf(headers: IncomingHttpHeaders, name: string): number | undefined {
  const text = headers[name];
  if (text === undefined) return undefined;
  const ms = typeof text === 'string' ? parseDuration(text) : undefined;
  if (ms !== undefined && ms <= longestMs) return ms;
  throw invalid('async.invalid_time', `${name}: not a time up to 31d, like 90s or 12h.`);
}

function priorityOf({ 'x-hearth-priority': text }: IncomingHttpHeaders): number | undefined {
  if (text === undefined) return undefined;
  const priority = typeof text === 'string' && /^\d{1,4}$/.test(text) ? Number(text) : Infinity;
  if (priority <= priorityLimit) return priority;
  const range = `0 (first, as without the header) to ${priorityLimit} (last)`;
  throw invalid('async.invalid_priority', `x-hearth-priority: not a number from ${range}.`);
}

const onlyWithoutWaiting = (): HostError =>
  invalid(
    'async.not_async',
    'x-hearth-delay, -max-age and -priority are for invocations that nobody waits for: add "Prefer: respond-async".',
  );

const invalid = (reason: string, message: string): HostError =>
  new HostError('invalid', reason, message);
