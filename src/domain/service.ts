/**
 * A part of the host with a life of its own. The constructor does no I/O.
 *
 * `start` resolves when the part is able to serve; an abort of the signal ends the attempt.
 * `stop` takes no new work, drains until `grace` aborts, then forces. It always settles, is
 * idempotent, works after a failed start, and reports what it could not clean up by rejecting.
 */
export interface Service {
  readonly name: string;
  start(signal: AbortSignal): Promise<void>;
  stop(grace: AbortSignal): Promise<void>;
}
