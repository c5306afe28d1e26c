import type { Digest, InvocationId, SandboxId } from './ids.ts';
import type { InvocationOutcome, PhaseTimings, StartKind } from './invocation.ts';
import type { DestroyReason } from './sandbox.ts';

/** What happened, in the past tense. Types are closed; listeners may ignore what they do not know. */
export interface Facts {
  'sandbox.created': {
    readonly sandboxId: SandboxId;
    readonly functionName: string;
    readonly version: Digest;
    readonly start: Extract<StartKind, 'stem' | 'cold'>;
    /** Until its handler could be loaded. */
    readonly createMs: number;
    readonly initMs: number;
  };
  'sandbox.destroyed': {
    readonly sandboxId: SandboxId;
    readonly functionName: string;
    readonly reason: DestroyReason;
    readonly invocations: number;
  };
  'sandbox.leftovers_removed': { readonly cgroups: number; readonly processes: number };
  'invocation.completed': {
    readonly invocationId: InvocationId;
    readonly functionName: string;
    readonly version: Digest;
    readonly outcome: InvocationOutcome['kind'] | 'host_error';
    readonly reason?: string;
    readonly start?: StartKind;
    readonly timings: PhaseTimings;
  };
  'function.deployed': {
    readonly functionName: string;
    readonly version: Digest;
    readonly number: number;
  };
  'function.removed': { readonly functionName: string };
}

export type FactType = keyof Facts;

/** One fact as a listener gets it; `type` tells what `data` is. */
export type Fact = { [T in FactType]: { readonly type: T; readonly data: Facts[T] } }[FactType];

/** Must not block; what it throws is counted and goes no further. */
export type FactListener = (fact: Fact) => void;

/** Publishing never throws and never waits: a broken listener cannot break a publisher. */
export interface FactPublisher {
  publish<T extends FactType>(type: T, data: Facts[T]): void;
}
