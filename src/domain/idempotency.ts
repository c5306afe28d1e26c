import type { InvocationId } from './ids.ts';
import type { InvocationOutcome, ResponseHead } from './invocation.ts';

/** How an invocation with an Idempotency-Key ended: what whoever asks again is told too. */
export interface KeptAnswer {
  readonly outcome: InvocationOutcome;
  readonly head?: ResponseHead;
  readonly body: Uint8Array;
}

export interface KeyClaim {
  readonly functionName: string;
  /** As the caller chose it. */
  readonly key: string;
  /** What was asked for, as a digest: the same key for something else is a mistake. */
  readonly requestDigest: string;
  readonly id: InvocationId;
  /** How long it is held unless something is kept; then it is free again. */
  readonly holdMs: number;
}

/**
 * What the key stands for. `mine`: nobody had it. `held`: its first request has not ended, or its
 * gateway died. `accepted`: an asynchronous invocation. `unkept`: it ended, with an answer too
 * large to be kept. The id is that of the first request.
 */
export type ClaimedKey =
  | { readonly kind: 'mine' | 'held' | 'accepted' | 'unkept'; readonly id: InvocationId }
  | { readonly kind: 'answered'; readonly id: InvocationId; readonly answer: KeptAnswer }
  | { readonly kind: 'other_request' };

/** Keys by which callers say "this is the same request again"; kept for a day, across gateways. */
export interface IdempotencyKeys {
  /** @throws HostError `unavailable`; then nothing may be run. */
  claim(claim: KeyClaim): Promise<ClaimedKey>;
  keep(claim: KeyClaim, answer: KeptAnswer | 'accepted' | 'unkept'): Promise<void>;
  /** Nothing has run: whoever asks again is the first. */
  release(claim: KeyClaim): Promise<void>;
}
