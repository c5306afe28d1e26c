import type { LeaseResult } from '../../domain/pool.ts';

export interface Waiter {
  readonly sinceMs: number;
  /** It leaves the queue with either. */
  readonly resolve: (result: LeaseResult) => void;
  readonly reject: (error: unknown) => void;
}

/** Waits at the end of the queue, until the waiter there is served or `signal` aborts. */
export function waitIn(queue: Set<Waiter>, signal: AbortSignal): Promise<LeaseResult> {
  const { promise, resolve, reject } = Promise.withResolvers<LeaseResult>();
  const leave = () => {
    queue.delete(waiter);
    signal.removeEventListener('abort', abort);
  };
  const abort = () => waiter.reject(signal.reason);
  const waiter: Waiter = {
    sinceMs: performance.now(),
    resolve: (result) => {
      leave();
      resolve(result);
    },
    reject: (error) => {
      leave();
      reject(error);
    },
  };
  signal.addEventListener('abort', abort, { once: true });
  queue.add(waiter);
  return promise;
}

export function sendAway(queue: ReadonlySet<Waiter>, error: Error): void {
  for (const waiter of queue) waiter.reject(error);
}
