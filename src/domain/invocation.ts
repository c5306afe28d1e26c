import type { Digest, InvocationId } from './ids.ts';
import type { QueueBatch } from './queue-trigger.ts';

/** Names as received, in order; a repeated header is a repeated pair. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/**
 * What an invocation asks for, without its body.
 *
 * `trigger: 'http'`: an HTTP request as the caller sent it, the route's prefix stripped from `url`
 * (path and query, raw). `trigger: 'event'`: an explicit invoke, or jobs of a queue; the body
 * is the JSON event.
 */
export interface RequestHead {
  readonly trigger: 'http' | 'event';
  readonly method: string;
  readonly url: string;
  readonly headers: HeaderList;
  readonly sourceIp: string;
  /**
   * The protocol that the caller wants to speak on its connection instead of HTTP, such as
   * `websocket`; where it is answered with 101, body and answer are what both say then.
   */
  readonly upgrade?: string;
  /** Invocations, one by another's call, end or facts, that led here; absent: none. */
  readonly callDepth?: number;
  /** The jobs that the event was made of. */
  readonly queue?: QueueBatch;
}

/**
 * A body that is still on its way. Its pieces come as fast as they are taken, and once; it fails when
 * its sender breaks off, or the invocation is over. Who stops iterating wants no more of it.
 */
export type BodyStream = AsyncIterable<Uint8Array>;

export interface InvocationRequest {
  readonly id: InvocationId;
  readonly functionName: string;
  readonly version: Digest;
  readonly head: RequestHead;
  /** Whole, or empty where there is a `stream`. */
  readonly body: Uint8Array;
  /** Only for a sandbox that takes streams. */
  readonly stream?: BodyStream;
  /** Epoch milliseconds. The one timeout: after it the sandbox is killed and the caller told. */
  readonly deadlineMs: number;
  /** A stream, either way, on which nothing moves for so long ends it before. */
  readonly idleTimeoutMs: number;
}

/** The status of an answer that changes the protocol. */
export const upgradedStatus = 101;

/** For an `event` the status is 200 and the body is the JSON of the returned value. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: HeaderList;
}

/** How an invocation found its sandbox. Cold: created for this call; warm: it was there. */
export type StartKind = 'warm' | 'thawed' | 'stem' | 'cold';

/** What the function threw, as it described it. */
export interface FunctionError {
  readonly type: string;
  readonly message: string;
  readonly stack?: string;
}

/** What takes its time in an invocation. */
export type Phase = 'queue' | 'lease' | 'init' | 'run';

/**
 * Where a deadline was met. `body`: the caller was still sending what has to be there whole. `idle`:
 * on its streams, or a connection with another protocol, nothing had moved for too long.
 */
export type LatePhase = Phase | 'body' | 'idle';

/** How an invocation ended. A function's failure is a value, never an exception of the host. */
export type InvocationOutcome =
  | { readonly kind: 'ok' }
  | { readonly kind: 'function_error'; readonly error: FunctionError }
  | { readonly kind: 'timeout'; readonly phase: LatePhase }
  | { readonly kind: 'out_of_memory'; readonly limitBytes: number }
  | { readonly kind: 'crashed'; readonly exitCode?: number; readonly signal?: string }
  | { readonly kind: 'cancelled' };

/** Milliseconds spent in each phase; a phase that did not happen is absent. */
export type PhaseTimings = Partial<Record<Phase, number>>;

/**
 * What making a sandbox consists of, in this order: its volumes, its network namespace and channel, its
 * root file system, the container; or, for a stem, giving it the function's code and limits; then
 * until its bootstrap speaks.
 */
export type MakingStep = 'volumes' | 'network' | 'root' | 'create' | 'specialise' | 'boot';

/** How long making a sandbox took; `steps` are parts of `lease`. */
export interface MakingTimings extends Pick<PhaseTimings, 'lease' | 'init'> {
  readonly steps?: Readonly<Partial<Record<MakingStep, number>>>;
}

/** Parts of the phase `lease`: the version's image was prepared here; then the steps of the making. */
export type LeaseSteps = Readonly<Partial<Record<'image' | MakingStep, number>>>;
