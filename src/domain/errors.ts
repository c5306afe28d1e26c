/**
 * What the caller should do about a failure of the host. Closed: a new code needs an entry in the
 * HTTP map of the gateway and in the exit codes of the CLI, and the compiler says so.
 */
export const errorCodes = [
  'invalid', // the request is wrong; change it
  'unauthenticated', // no key, or one that does not check out
  'forbidden', // a good key without the right
  'not_found', // the named thing does not exist
  'conflict', // the state does not allow it, or it exists already
  'too_large', // over a documented limit
  'throttled', // over a quota; later, see retryAfterMs
  'unavailable', // no capacity or no worker now; later, see retryAfterMs
  'timeout', // a deadline passed
  'cancelled', // the caller went away or asked to stop
  'internal', // a defect or a broken machine; see the log
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export interface HostErrorOptions {
  /** Facts for the reader, safe to show to the caller. No secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** When trying again can help. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/**
 * A failure of the host itself. A function that fails is never one of these: it is an
 * InvocationOutcome. `reason` says what happened in `module.what` form, for logs and tests;
 * `message` is the sentence a person reads, naming the fix where there is one.
 */
export class HostError extends Error {
  override readonly name = 'HostError';
  readonly code: ErrorCode;
  readonly reason: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, reason: string, message: string, options: HostErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.reason = reason;
    this.details = options.details ?? {};
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Any thrown value as a HostError; what is not one already becomes `internal`. */
export function toHostError(error: unknown): HostError {
  if (error instanceof HostError) return error;
  return new HostError('internal', 'host.unexpected', 'The host failed in an unexpected way.', {
    cause: error,
  });
}
