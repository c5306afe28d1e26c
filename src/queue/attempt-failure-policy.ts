import { HostError } from '../domain/errors.ts';
import type { AttemptResult } from '../domain/event-queue.ts';
import type { InvocationOutcome } from '../domain/invocation.ts';
import type { InvocationFailure } from '../domain/invocation-record.ts';

/** POLICY: an answer that says "try again", or that the function is broken, is a failure. */
const isFailureStatus = (status: number): boolean => status === 429 || status >= 500;

/** Why an attempt failed; undefined when it did not. */
export function failureOf({ outcome, response }: AttemptResult): InvocationFailure | undefined {
  if (outcome instanceof HostError) {
    const { code, reason, message } = outcome;
    const shown = code === 'internal' ? 'The host failed; its log has the reason.' : message;
    return { reason, message: shown };
  }
  if (outcome.kind !== 'ok') return failureOfOutcome(outcome);
  if (response && isFailureStatus(response.status)) {
    const { status } = response;
    return { reason: 'function.status', message: `The function answered with status ${status}.` };
  }
  return undefined;
}

/** When a function that failed asked to be called again, in milliseconds; by its `Retry-After`. */
export function retryAfterMs({ response }: AttemptResult): number | undefined {
  const header = response?.headers.find(([name]) => name.toLowerCase() === 'retry-after')?.[1];
  return header !== undefined && /^\d{1,9}$/.test(header) ? Number(header) * 1000 : undefined;
}

function failureOfOutcome(outcome: Exclude<InvocationOutcome, { kind: 'ok' }>): InvocationFailure {
  switch (outcome.kind) {
    case 'function_error': {
      const { error } = outcome;
      return { reason: 'function.error', message: `${error.type}: ${error.message}`, error };
    }
    case 'timeout':
      return {
        reason: `timeout.${outcome.phase}`,
        message:
          outcome.phase === 'idle'
            ? 'Nothing moved on its answer for too long.'
            : 'The deadline of the attempt passed.',
      };
    case 'out_of_memory':
      return {
        reason: 'function.out_of_memory',
        message: 'It needed more memory than it may have.',
      };
    case 'crashed': {
      const how = outcome.signal ?? outcome.exitCode;
      const end = how === undefined ? 'ended' : `ended (${how})`;
      return { reason: 'function.crashed', message: `The function's process ${end}.` };
    }
    case 'cancelled':
      return { reason: 'function.cancelled', message: 'The attempt was cancelled.' };
  }
}
