import type { AsyncSettings, OutsideDestination } from './async-settings.ts';
import type { Digest, InvocationId, NodeId } from './ids.ts';
import type {
  FunctionError,
  InvocationOutcome,
  PhaseTimings,
  RequestHead,
  ResponseHead,
  StartKind,
} from './invocation.ts';
import type { TraceContext } from './trace.ts';

/** What asked for an asynchronous invocation. */
export type InvocationSource = 'invoke' | 'cron' | 'queue' | 'event' | 'destination' | 'replay';

/**
 * `queued`: waits for its (next) attempt. `running`: a worker has it. The other three are the end:
 * `done`, `dead_letter` (it failed for good, or was too old; a redrive takes it up again),
 * `cancelled`.
 */
export type InvocationState = 'queued' | 'running' | 'done' | 'dead_letter' | 'cancelled';

export const isEnded = (state: InvocationState): boolean =>
  state === 'done' || state === 'dead_letter' || state === 'cancelled';

/** One attempt of an invocation. Times are epoch milliseconds. */
export interface AttemptRecord {
  /** From 1, over all attempts, also those that were lost. */
  readonly number: number;
  readonly node: NodeId;
  readonly startedMs: number;
  /** Absent while it runs. */
  readonly endedMs?: number;
  /** `lost`: its worker died, or was cut off; the function is not to blame. */
  readonly outcome?: InvocationOutcome['kind'] | 'host_error' | 'lost';
  readonly version?: Digest;
  readonly start?: StartKind;
  readonly timings?: PhaseTimings;
}

/** Why an attempt, or the invocation, failed. `reason` in `module.what` form. */
export interface InvocationFailure {
  readonly reason: string;
  readonly message: string;
  readonly error?: FunctionError;
}

/** All that is known of one asynchronous invocation, without its body and its answer's. */
export interface InvocationRecord {
  readonly id: InvocationId;
  readonly functionName: string;
  readonly qualifier?: string;
  readonly source: InvocationSource;
  /** Counts every change; a write names the revision that it read. From 1. */
  readonly revision: number;
  readonly state: InvocationState;
  readonly head: RequestHead;
  readonly settings: AsyncSettings;
  readonly acceptedMs: number;
  /** When the next attempt is due. */
  readonly dueMs: number;
  readonly expiresMs: number;
  /** Oldest first. Attempts that found no room are counted only. */
  readonly attempts: readonly AttemptRecord[];
  /** Attempts that count against `settings.attempts`. */
  readonly spent: number;
  /** Times that a worker was lost with it. */
  readonly lost: number;
  /** Times that there was no room for it, since it last ran. */
  readonly throttled: number;
  /** Who may report the attempt under way; nobody else's word is taken. */
  readonly token?: string;
  readonly cancelRequested?: true;
  /** Of the last attempt that failed. */
  readonly failure?: InvocationFailure;
  /** Of the attempt that ended it well; the body is stored apart. */
  readonly response?: ResponseHead & { readonly bytes: number };
  readonly endedMs?: number;
  readonly trace?: TraceContext;
  /** The id of the key that called. */
  readonly caller?: string;
  readonly priority?: number;
  readonly destination?: OutsideDestination;
  readonly replayOf?: InvocationId;
}
