import type { CopyProgress } from '../domain/volume.ts';
import { errorCodes, HostError, type ErrorCode } from '../domain/errors.ts';

/**
 * What of `Volumes` is called with its arguments as JSON, and answers in lines of JSON; export and
 * import stream.
 */
export const plainOperations = [
  'create',
  'inspect',
  'remove',
  'snapshot',
  'removeSnapshot',
  'restore',
] as const;
export type PlainOperation = (typeof plainOperations)[number];

export const isPlainOperation = (text: string): text is PlainOperation =>
  (plainOperations as readonly string[]).includes(text);

/** A line of an answer: how far it is, or, as the last, what it came to. */
export interface AnswerLine {
  readonly progress?: CopyProgress;
  readonly result?: unknown;
  readonly error?: ErrorMessage;
}

/** An error as it travels. */
export interface ErrorMessage {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly retryAfterMs: number | undefined;
}

export const errorMessage = (error: HostError): ErrorMessage => {
  const { code, reason, message, details, retryAfterMs } = error;
  return { code, reason, message, details, retryAfterMs };
};

export function errorOf({ code, reason, message, details, retryAfterMs }: ErrorMessage): HostError {
  return new HostError(errorCodes.includes(code) ? code : 'internal', reason, message, {
    details,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}
