import { HostError, type ErrorCode } from '../domain/errors.ts';
import type { FunctionError, LatePhase } from '../domain/invocation.ts';
import { formatBytes } from '../lib/units.ts';
import { errorStatus, failureStatus, type FunctionFailure } from './status-map.ts';

/** The body of every answer that is an error. */
export interface ErrorBody {
  /** What the caller should do; `function_error`: ask the function's owner. */
  readonly code: ErrorCode | 'function_error';
  /** What happened, `module.what`; also in the header `x-hearth-error`. */
  readonly reason: string;
  readonly message: string;
  readonly invocationId?: string;
  readonly traceId?: string;
  /** What the function threw; only for callers with a key. */
  readonly error?: FunctionError;
}

export interface ErrorAnswer {
  readonly status: number;
  /** Without those that every error has: see `errorHeaders`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ErrorBody;
}

/** `id` is where the log has the details of what callers are not shown. */
export function hostErrorAnswer(error: HostError, id: string): ErrorAnswer {
  const { code, reason } = error;
  const message =
    code === 'internal' ? `The host failed; its log has the reason under ${id}.` : error.message;
  const headers: Record<string, string> = {};
  if (error.retryAfterMs !== undefined) {
    headers['retry-after'] = String(Math.ceil(error.retryAfterMs / 1000));
  }
  const { allow, challenge } = error.details;
  if (code === 'unauthenticated') {
    headers['www-authenticate'] = typeof challenge === 'string' ? challenge : 'Bearer';
  }
  if (typeof allow === 'string') headers.allow = allow;
  return { status: errorStatus(error), headers, body: { code, reason, message } };
}

/** With `details` it says what went wrong inside the function; without, where its owner finds it. */
export function failureAnswer(failure: FunctionFailure, details: boolean): ErrorAnswer {
  const status = failureStatus(failure);
  if (failure.kind === 'timeout') {
    const { phase } = failure;
    const body = { code: 'timeout', reason: `timeout.${phase}`, message: lateness[phase] } as const;
    return { status, headers: {}, body };
  }
  if (failure.kind === 'cancelled') {
    const body = {
      code: 'cancelled',
      reason: 'function.cancelled',
      message: 'The invocation was cancelled.',
    } as const;
    return { status, headers: {}, body };
  }
  const body = {
    code: 'function_error',
    reason: failure.kind === 'function_error' ? 'function.error' : `function.${failure.kind}`,
    message: details
      ? described(failure)
      : "The function failed. The function's logs have the reason under this invocation's id.",
    ...(details && failure.kind === 'function_error' ? { error: failure.error } : {}),
  } as const;
  return { status, headers: {}, body };
}

/** Nothing that a worker said for too long; the deadline had passed on the gateway's clock. */
export const workerSilent = (): HostError =>
  new HostError(
    'timeout',
    'timeout.worker_silent',
    'The deadline passed and the worker node said nothing.',
  );

export const headless = (): HostError =>
  new HostError('internal', 'gateway.no_head', 'The worker reported success without an answer.');

export const errorHeaders = (body: ErrorBody): Readonly<Record<string, string>> => ({
  'content-type': 'application/json; charset=utf-8',
  'x-hearth-error': body.reason,
});

const lateness: Readonly<Record<LatePhase, string>> = {
  idle: 'Nothing moved on its stream for too long: see `idleTimeout`.',
  body: 'The deadline passed while the body was still being sent.',
  queue: 'The deadline passed before a worker node took the invocation.',
  lease: 'The deadline passed before a sandbox was free for the function.',
  init: 'The deadline passed while the function was loading.',
  run: 'The deadline passed while the function was running; its sandbox was destroyed.',
};

function described(failure: Exclude<FunctionFailure, { kind: 'timeout' | 'cancelled' }>): string {
  if (failure.kind === 'function_error') {
    return `The function failed with ${failure.error.type}: ${failure.error.message}`;
  }
  if (failure.kind === 'out_of_memory') {
    return `The function needed more than its ${formatBytes(failure.limitBytes)} of memory.`;
  }
  if (failure.kind === 'invalid_response') {
    return `The function's answer is not valid HTTP: ${failure.problem}.`;
  }
  return `The function's process ${deathOf(failure)} before it answered.`;
}

function deathOf({ exitCode, signal }: Extract<FunctionFailure, { kind: 'crashed' }>): string {
  if (signal !== undefined) return `was killed by ${signal}`;
  return exitCode === undefined ? 'ended' : `ended with exit code ${exitCode}`;
}
