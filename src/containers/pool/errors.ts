import { HostError } from '../../domain/errors.ts';

export function stopping(): HostError {
  return new HostError('unavailable', 'worker.stopping', 'This node is shutting down.', {
    retryAfterMs: 1000,
  });
}

export function tooLarge(what: 'memory' | 'cpu'): HostError {
  return new HostError(
    'unavailable',
    'pool.too_large',
    `The function needs more ${what} than this node has for all its sandboxes.`,
  );
}

/** All that could go has gone: the rest is busy. */
export function exhausted(): HostError {
  return new HostError(
    'unavailable',
    'pool.exhausted',
    'This node has no memory or processor left for another sandbox; try again in a moment.',
    { retryAfterMs: 2000 },
  );
}

export function tooManyWaiters(max: number): HostError {
  return new HostError(
    'throttled',
    'pool.too_many_waiters',
    `All ${max} sandboxes of this function are busy, and too many invocations wait for them.`,
    { retryAfterMs: 1000 },
  );
}
