import type { Runtime } from './function.ts';
import type { Digest } from './ids.ts';
import type { InvocationOutcome, MakingTimings, StartKind } from './invocation.ts';
import type { Sandbox } from './sandbox.ts';
import type { PreparedVersion } from './version.ts';

/** The right to run one invocation in a sandbox. Dispose it when the invocation has ended. */
export interface SandboxLease extends Disposable {
  readonly sandbox: Sandbox;
  readonly start: StartKind;
  /** What its making took, where the sandbox was made for this lease. */
  readonly timings: MakingTimings;
}

/** A lease, or how the function failed to load. */
export type LeaseResult =
  | { readonly lease: SandboxLease; readonly failure?: undefined }
  | {
      readonly lease?: undefined;
      readonly failure: InvocationOutcome;
      readonly timings: MakingTimings;
    };

export interface SandboxLender {
  /**
   * Waits until there is a sandbox. Waiters of a function are first in, first out. `caller`: the id
   * of the principal that calls, undefined for one without a name; with `isolation: "tenant"` a
   * sandbox serves the first caller that it is lent for, and no other, ever.
   * @throws HostError `unavailable` when the function can never fit, when the node is stopping, or
   *   when nothing could make room for it in ten seconds; `throttled` when thousands wait already;
   *   or the signal's reason when that aborts first.
   */
  lease(
    version: PreparedVersion,
    caller: string | undefined,
    signal: AbortSignal,
  ): Promise<LeaseResult>;
}

/** What a deployed function wants of a node while nobody calls it. */
export interface Reservation {
  /** Versions that are called still; sandboxes of others go when they are idle. */
  readonly served: ReadonlySet<Digest>;
  /** So many sandboxes of this version are kept there, loaded, whoever else wants their place. */
  readonly ready?: { readonly version: PreparedVersion; readonly count: number };
}

export interface SandboxReserver {
  /** All deployed functions by name, in place of what was said before. */
  reserve(reservations: ReadonlyMap<string, Reservation>): void;
}

export interface StemKeeper {
  /** Stems are kept for these runtimes and for no others. */
  use(runtimes: ReadonlySet<Runtime>): void;
}
