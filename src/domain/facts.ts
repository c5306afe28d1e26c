import type { ImagePull } from './image-catalog.ts';
import type { Digest, InvocationId, NodeId, SandboxId } from './ids.ts';
import type { InvocationOutcome, MakingTimings, PhaseTimings, StartKind } from './invocation.ts';
import type { LeaseSteps } from './invocation.ts';
import type { InvocationSource } from './invocation-record.ts';
import type { DestroyReason } from './sandbox.ts';
import type { TraceContext } from './trace.ts';
import type { ResourceUse } from './usage.ts';

/** What happened, in the past tense. Types are closed; listeners may ignore what they do not know. */
export interface Facts {
  'sandbox.created': {
    readonly sandboxId: SandboxId;
    readonly functionName: string;
    readonly version: Digest;
    readonly start: Extract<StartKind, 'stem' | 'cold'>;
    /** Until its handler could be loaded. */
    readonly createMs: number;
    /** Parts of it. */
    readonly steps: NonNullable<MakingTimings['steps']>;
    readonly initMs: number;
  };
  'sandbox.destroyed': {
    readonly sandboxId: SandboxId;
    readonly functionName: string;
    readonly reason: DestroyReason;
    readonly invocations: number;
  };
  'sandbox.frozen': { readonly sandboxId: SandboxId; readonly functionName: string };
  'sandbox.thawed': { readonly sandboxId: SandboxId; readonly functionName: string };
  'sandbox.leftovers_removed': { readonly cgroups: number; readonly processes: number };
  'invocation.completed': {
    readonly invocationId: InvocationId;
    /** Epoch milliseconds. */
    readonly acceptedMs: number;
    readonly trace?: TraceContext;
    /** What asked for it, where no caller waited for the answer. */
    readonly source?: InvocationSource;
    /** The application's queue that it came from. */
    readonly queue?: string;
    /** Invocations, one by another's call, end or facts, that led to it. */
    readonly callDepth?: number;
    readonly functionName: string;
    readonly version: Digest;
    readonly outcome: InvocationOutcome['kind'] | 'host_error';
    readonly reason?: string;
    /** As the function answered; absent where it did not. */
    readonly status?: number;
    readonly start?: StartKind;
    readonly timings: PhaseTimings;
    /** Parts of `timings.lease`: what was done for it. */
    readonly steps?: LeaseSteps;
  };
  /** A caller has its answer, or has left (499). Not in the stream of the cluster. */
  'http.answered': {
    readonly invocationId: InvocationId;
    readonly functionName: string;
    readonly method: string;
    /** What the path looks like, such as `/fn/hello`. */
    readonly route: string;
    readonly status: number;
    /** Of a HostError that was the answer. */
    readonly reason?: string;
    /** Epoch milliseconds. */
    readonly receivedMs: number;
    readonly durationMs: number;
    readonly trace?: TraceContext;
  };
  /** A function tried to reach what it may not; told once in a while, however often it tried. */
  'policy.denied': {
    readonly functionName: string;
    /** A host name, or an address. */
    readonly target: string;
    readonly protocol: string;
    readonly port: number;
  };
  /** What the sandboxes of a function on one node have used since the last time. */
  'usage.measured': ResourceUse & { readonly functionName: string };
  /** All of an image is here, which a registry was asked for. */
  'image.pulled': ImagePull;
  'function.deployed': {
    readonly functionName: string;
    readonly version: Digest;
    readonly number: number;
  };
  /** Other versions serve from now on than before, without a deploy. */
  'function.traffic_changed': {
    readonly functionName: string;
    readonly live: Digest;
    readonly split?: { readonly version: Digest; readonly percent: number };
  };
  /** A canary got more of the traffic, all of it, or none any more. */
  'function.canary_moved': {
    readonly functionName: string;
    readonly version: Digest;
    readonly move: 'advanced' | 'promoted' | 'rolled_back';
    /** Of the traffic, from now on. */
    readonly percent: number;
    readonly reason: string;
  };
  'function.removed': { readonly functionName: string };
  'node.joined': { readonly node: NodeId; readonly hostname: string };
  /** It stopped, as it was asked to. */
  'node.left': { readonly node: NodeId; readonly hostname: string };
  /** It was not heard of any more: dead, or cut off. */
  'node.lost': { readonly node: NodeId };
  /** So many facts of this process did not reach the stream of the cluster. */
  'facts.lost': { readonly count: number };
  /** So many facts were not told by an event queue, because too many wait there already. */
  'event.dropped': {
    /** A function, or `webhook.` and the name of one. */
    readonly queue: string;
    readonly count: number;
  };
  /** Someone used, or tried to use, a route that needs a key. */
  'audit.request': {
    readonly requestId: string;
    /** Empty: no key that checked out. */
    readonly keyId: string;
    readonly sourceIp: string;
    readonly method: string;
    readonly path: string;
    readonly status: number;
  };
}

export type FactType = keyof Facts;

/** One fact as a listener gets it; `type` tells what `data` is. `timeMs`: epoch milliseconds. */
export type Fact = {
  [T in FactType]: { readonly type: T; readonly timeMs: number; readonly data: Facts[T] };
}[FactType];

/** Must not block; what it throws is counted and goes no further. */
export type FactListener = (fact: Fact) => void;

/** Publishing never throws and never waits: a broken listener cannot break a publisher. */
export interface FactPublisher {
  publish<T extends FactType>(type: T, data: Facts[T]): void;
}

/** A fact with its place in the stream of the whole cluster. */
export interface StreamedFact {
  /** Its place: later facts have greater ids, see `isAfter`. Fit for `Last-Event-ID`. */
  readonly id: string;
  /** The process that published it, such as `worker/node-1a2b`. */
  readonly source: string;
  readonly fact: Fact;
}

/** The facts of every process of the cluster, the newest of them kept. */
export interface FactFeed {
  /**
   * Each fact from now on, in order. The listener must not block; what it throws goes no further.
   * Returns what ends the subscription. Facts may be missed while Redis is away.
   */
  subscribe(listener: (fact: StreamedFact) => void): () => void;
  /**
   * The kept facts after a place, oldest first, at most `limit` or a few more. An id that is no
   * longer kept, or of no shape, gives the oldest. @throws HostError `unavailable`.
   */
  after(id: string, limit: number): Promise<readonly StreamedFact[]>;
}
