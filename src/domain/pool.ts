import type { InvocationOutcome, PhaseTimings, StartKind } from './invocation.ts';
import type { Sandbox } from './sandbox.ts';
import type { PreparedVersion } from './version.ts';

/** The right to run one invocation in a sandbox. Dispose it when the invocation has ended. */
export interface SandboxLease extends Disposable {
  readonly sandbox: Sandbox;
  readonly start: StartKind;
  /** `init`, where the sandbox was made for this lease. */
  readonly timings: PhaseTimings;
}

/** A lease, or how the function failed to load. */
export type LeaseResult =
  | { readonly lease: SandboxLease; readonly failure?: undefined }
  | {
      readonly lease?: undefined;
      readonly failure: InvocationOutcome;
      readonly timings: PhaseTimings;
    };

export interface SandboxLender {
  /**
   * Waits until there is a sandbox. Waiters of a version are first in, first out.
   * @throws HostError `unavailable` when the function can never fit or the node is stopping, or
   *   the signal's reason when that aborts first.
   */
  lease(version: PreparedVersion, signal: AbortSignal): Promise<LeaseResult>;
}
