import { HostError } from '../domain/errors.ts';
import type { PhaseTimings, StartKind } from '../domain/invocation.ts';
import type { LeaseResult } from '../domain/pool.ts';
import type { Sandbox } from '../domain/sandbox.ts';
import type { PreparedVersion } from '../domain/version.ts';

/** A sandbox in the pool. */
export interface Member {
  readonly sandbox: Sandbox;
  readonly version: PreparedVersion;
  /** How it was made, told to the first invocation only. */
  readonly start: StartKind;
  readonly timings: PhaseTimings;
  inUse: number;
  served: number;
  idleSinceMs: number;
}

export interface Waiter {
  readonly resolve: (result: LeaseResult) => void;
  readonly reject: (error: unknown) => void;
}

/** The sandboxes of one version. Waiters are first in, first out. */
export interface Group {
  readonly version: PreparedVersion;
  /** With room for one more invocation; the most recently used last. */
  readonly available: Member[];
  readonly waiters: Set<Waiter>;
  /** Alive or being made. */
  size: number;
  creating: number;
}

export function remove<T>(list: T[], item: T): void {
  const index = list.indexOf(item);
  if (index >= 0) list.splice(index, 1);
}

export function stopping(): HostError {
  return new HostError('unavailable', 'worker.stopping', 'This node is shutting down.', {
    retryAfterMs: 1000,
  });
}

export function tooLarge(): HostError {
  return new HostError(
    'unavailable',
    'pool.too_large',
    'The function needs more memory than this node has for all its sandboxes.',
  );
}
