import type { AttemptRecord, InvocationRecord } from '../domain/invocation-record.ts';

/** An answer up to this is shown with its record; any can be fetched by itself. */
export const shownAnswerBytes = 64 * 1024;

/** How the record of an asynchronous invocation looks in the API. */
export function invocationDetails(record: InvocationRecord, answer: Uint8Array | undefined) {
  const {
    id,
    functionName,
    source,
    state,
    attempts,
    spent,
    settings,
    failure,
    replayOf,
    priority,
    destination,
  } = record;
  return {
    invocationId: id,
    function: functionName,
    source,
    state,
    acceptedAt: isoTime(record.acceptedMs),
    ...(state === 'queued' ? { dueAt: isoTime(record.dueMs) } : {}),
    expiresAt: isoTime(record.expiresMs),
    ...(record.endedMs === undefined ? {} : { endedAt: isoTime(record.endedMs) }),
    attempts: attempts.map(attemptDetails),
    attemptsSpent: spent,
    attemptsAllowed: settings.attempts,
    ...(record.throttled > 0 ? { throttled: record.throttled } : {}),
    ...(record.cancelRequested && state === 'running' ? { cancelRequested: true } : {}),
    ...(priority ? { priority } : {}),
    ...(failure ? { failure } : {}),
    ...(record.response ? { result: resultDetails(record, answer) } : {}),
    ...(record.trace ? { traceId: record.trace.traceId } : {}),
    ...(destination ? { destination } : {}),
    ...(replayOf === undefined ? {} : { replayOf }),
  };
}

function attemptDetails({ number, node, startedMs, endedMs, ...rest }: AttemptRecord) {
  const endedAt = endedMs === undefined ? {} : { endedAt: isoTime(endedMs) };
  return { number, node, startedAt: isoTime(startedMs), ...endedAt, ...rest };
}

/** JSON as it is, other text as text; anything else only where it can be fetched. */
function resultDetails({ id, response }: InvocationRecord, answer: Uint8Array | undefined) {
  const { status = 200, bytes = 0 } = response ?? {};
  const href = `/v1/invocations/${id}/result`;
  if (!answer) return { status, bytes, href };
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(answer);
    return { status, bytes, href, body: parsed(text) };
  } catch {
    return { status, bytes, href }; // not text
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

const isoTime = (ms: number): string => new Date(ms).toISOString();
