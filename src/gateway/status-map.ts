import type { ErrorCode, HostError } from '../domain/errors.ts';
import type { InvocationOutcome } from '../domain/invocation.ts';

/** How a function can fail, seen from here: its outcomes, and an answer that HTTP cannot carry. */
export type FunctionFailure =
  | Exclude<InvocationOutcome, { kind: 'ok' }>
  | { readonly kind: 'invalid_response'; readonly problem: string };

const statusOfCode = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  throttled: 429,
  cancelled: 499,
  internal: 500,
  unavailable: 503,
  timeout: 504,
} satisfies Record<ErrorCode, number>;

/** Reasons for which HTTP has a status of their own. */
const statusOfReason: Readonly<Record<string, number>> = {
  'gateway.method_not_allowed': 405,
  'gateway.request_too_slow': 408,
  'gateway.media_type': 415,
  'idempotency.other_request': 422,
  'gateway.headers_too_large': 431,
  'calls.too_deep': 508,
  'registry.range_invalid': 416,
  'registry.unsupported': 405,
};

const statusOfFailure = {
  function_error: 502,
  crashed: 502,
  out_of_memory: 502,
  invalid_response: 502,
  timeout: 504,
  cancelled: 499,
} satisfies Record<FunctionFailure['kind'], number>;

/** The one map from the host's errors to HTTP. */
export const errorStatus = ({ code, reason }: HostError): number =>
  statusOfReason[reason] ?? statusOfCode[code];

/** The one map from a function's failures to HTTP. */
export const failureStatus = ({ kind }: FunctionFailure): number => statusOfFailure[kind];
