import type { AsyncSettings, OutsideDestination } from './async-settings.ts';
import type { HostError } from './errors.ts';
import type { Digest, InvocationId } from './ids.ts';
import type {
  InvocationOutcome,
  PhaseTimings,
  RequestHead,
  ResponseHead,
  StartKind,
} from './invocation.ts';
import type { InvocationSource } from './invocation-record.ts';
import type { TraceContext } from './trace.ts';

/** POLICY: invocations by one another's ends, or facts, in a row; more is a circle. */
export const hopLimit = 8;

/** What a caller may ask for beside what the function's settings say. */
export interface AsyncPreferences {
  /** Until the first attempt; none by default. */
  readonly delayMs?: number;
  /** In place of that of the settings. */
  readonly maxAgeMs?: number;
  /** 0 (first, the default) to `priorityLimit` (last), among those of one function that wait. */
  readonly priority?: number;
}

/** An invocation that nobody waits for: it is queued, and run once there is room for it. */
export interface AsyncInvocation extends AsyncPreferences {
  /**
   * A UUID. Whoever may ask twice for the same thing uses the same id (`uuidOf` makes one of any
   * text, such as `schedule:plannedTime`): the second time nothing happens, for as long as the
   * first is recorded.
   */
  readonly id: InvocationId;
  readonly functionName: string;
  /** Which version: a number, an alias; absent, what serves when an attempt begins. */
  readonly qualifier?: string;
  readonly source: InvocationSource;
  readonly head: RequestHead;
  /** The id of the key that calls; absent where the host does. */
  readonly caller?: string;
  /** At most `asyncBodyLimitBytes`. */
  readonly body: Uint8Array;
  /** Of the function's live version (`asyncSettingsOf`), or others where the source has its own. */
  readonly settings: AsyncSettings;
  readonly trace?: TraceContext;
  /** In the function's place: who is told of an end of it. */
  readonly destination?: OutsideDestination;
  readonly replayOf?: InvocationId;
}

/** The way into the event queues, for whatever triggers functions. */
export interface AsyncInvoker {
  /**
   * Resolves once it is durable: from then on it survives the death of every process and ends, in
   * `done` or as a dead letter, within its maximum age. Resolves to whether it is new: false when
   * one with this id is recorded already. What gathers while a write is under way shares the next.
   * @throws HostError `throttled` when too many wait for the function, `too_large`, `unavailable`
   *   when the queue cannot be reached; then it may or may not have been accepted: ask again with
   *   the same id.
   */
  enqueue(invocation: AsyncInvocation): Promise<boolean>;
}

/** One attempt of an asynchronous invocation, for a worker to run. */
export interface Attempt {
  readonly id: InvocationId;
  readonly functionName: string;
  readonly qualifier?: string;
  readonly source: InvocationSource;
  readonly head: RequestHead;
  readonly caller?: string;
  readonly body: Uint8Array;
  /** From 1; also attempts count that were lost with a worker. */
  readonly number: number;
  readonly trace?: TraceContext;
  /** In the function's place: who is told of an end of it. */
  readonly destination?: OutsideDestination;
  /** Aborts when the invocation is cancelled. */
  readonly cancelled: AbortSignal;
  readonly onProgress?: ProgressListener;
}

/** Hears how far a function is with one of the messages of its batch: JSON, unchecked. */
export type ProgressListener = (message: number, json: Uint8Array) => void;

/** How an attempt ended. A HostError `unavailable` or `throttled` says: no room, it did not run. */
export interface AttemptResult {
  readonly outcome: InvocationOutcome | HostError;
  readonly version?: Digest;
  readonly start?: StartKind;
  readonly timings: PhaseTimings;
  /** Present with the outcome `ok`. */
  readonly response?: ResponseHead & { readonly body: Uint8Array };
}

/** Runs attempts. Never rejects. */
export interface AttemptRunner {
  /** Attempts of this function that may run here at a time; 0: none for now. */
  capacityFor(functionName: string): number;
  run(attempt: Attempt): Promise<AttemptResult>;
}

/** How it ended that someone outside was told. */
export type Telling = Omit<AttemptResult, 'timings'>;

/** Tells someone outside, once. Never rejects. A HostError `unavailable` says: try again, unspent. */
export interface DestinationSender<Destination extends OutsideDestination> {
  send(destination: Destination, attempt: Attempt): Promise<Telling>;
}
