import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { asyncSettingsOf } from '../domain/async-settings.ts';
import { HostError } from '../domain/errors.ts';
import type { AsyncInvoker, AsyncPreferences } from '../domain/event-queue.ts';
import type { ClaimedKey, IdempotencyKeys, KeyClaim } from '../domain/idempotency.ts';
import { asyncPreferences } from './async-preferences.ts';
import type { ReplyListener } from '../domain/reply.ts';
import type { InvocationAnswer } from './invocation-answer.ts';
import type { AcceptedInvocation, Invocations } from './invocations.ts';
import { KeptReply } from './kept-reply.ts';

/** After its deadline an invocation's key is free again, whatever became of its gateway. */
const holdGraceMs = 5_000;

/** An asynchronous invocation is accepted or not within this. */
const acceptLimitMs = 24 * 3_600_000;

const longestKey = 255;

export interface EventInvocationsOptions {
  readonly invocations: Invocations;
  readonly invoker: AsyncInvoker;
  readonly idempotency: IdempotencyKeys;
}

interface RequestedInvocation extends AcceptedInvocation {
  /** The version that was asked for, where one was. */
  readonly qualifier: string | undefined;
}

interface EventInvocation extends RequestedInvocation {
  /** Undefined: the caller waits for the answer. */
  readonly preferences: AsyncPreferences | undefined;
}

/** Explicit invokes: whether the caller waits, and whether it is the same request once more. */
export class EventInvocations {
  readonly #options: EventInvocationsOptions;

  constructor(options: EventInvocationsOptions) {
    this.#options = options;
  }

  /**
   * What the worker replies goes to the listener.
   * @throws HostError for what is not begun.
   */
  async start(
    requested: RequestedInvocation,
    headers: IncomingHttpHeaders,
    answer: InvocationAnswer,
    listener: ReplyListener = answer,
  ): Promise<void> {
    const invocation = { ...requested, preferences: asyncPreferences(headers) };
    const key = keyOf(headers);
    if (key !== undefined) return await this.#startOnce(invocation, key, answer, listener);
    if (!invocation.preferences) {
      return this.#options.invocations.start(invocation, answer, listener);
    }
    await this.#enqueue(invocation);
    answer.accepted();
  }

  async #startOnce(
    invocation: EventInvocation,
    key: string,
    answer: InvocationAnswer,
    listener: ReplyListener,
  ): Promise<void> {
    const { idempotency, invocations } = this.#options;
    const { id, version, caller = '', body, preferences } = invocation;
    const isAsync = preferences !== undefined;
    const { name: functionName, timeoutMs } = version.spec;
    const requestDigest = createHash('sha256')
      .update(isAsync ? 'async' : 'sync')
      .update(body);
    const claim: KeyClaim = {
      functionName,
      key: `${caller} ${key}`, // whose it is: nobody is told another's answer
      requestDigest: requestDigest.digest('hex'),
      id,
      holdMs: isAsync ? acceptLimitMs : timeoutMs + holdGraceMs,
    };
    const claimed = await idempotency.claim(claim);
    if (claimed.kind === 'other_request') throw otherRequest();
    if (claimed.id !== id) answer.standFor(claimed.id);
    if (isAsync)
      return await this.#enqueueOnce(invocation, { ...claim, id: claimed.id }, claimed, answer);
    if (claimed.kind === 'mine') {
      const keeper = {
        keep: (kept: Parameters<IdempotencyKeys['keep']>[1]) => idempotency.keep(claim, kept),
        release: () => idempotency.release(claim),
      };
      answer.onGone(() => void keeper.release().catch(() => {})); // held until its time is up then
      return invocations.start(invocation, answer, new KeptReply(listener, keeper));
    }
    if (claimed.kind !== 'answered') throw inFlight(claimed);
    const { head, body: kept, outcome } = claimed.answer;
    if (head)
      listener.onHead({ ...head, headers: [...head.headers, replayed] }, { node: '', timings: {} });
    if (kept.byteLength > 0) listener.onChunk(kept);
    listener.onEnd(outcome, { node: '', timings: {} });
  }

  /** A gateway may have died between the claim and the queue: what is held is enqueued again. */
  async #enqueueOnce(
    invocation: EventInvocation,
    claim: KeyClaim,
    { kind }: ClaimedKey,
    answer: InvocationAnswer,
  ): Promise<void> {
    const { idempotency } = this.#options;
    if (kind === 'mine' || kind === 'held') {
      await this.#enqueue({ ...invocation, id: claim.id });
      await idempotency.keep(claim, 'accepted');
    }
    answer.accepted();
  }

  async #enqueue({
    id,
    version,
    head,
    caller,
    body,
    trace,
    qualifier,
    preferences,
  }: EventInvocation): Promise<void> {
    const { name: functionName } = version.spec;
    const settings = asyncSettingsOf(version.spec);
    await this.#options.invoker.enqueue({
      id,
      functionName,
      source: 'invoke',
      head,
      body,
      settings,
      ...preferences,
      ...(trace ? { trace } : {}),
      ...(caller === undefined ? {} : { caller }),
      ...(qualifier === undefined ? {} : { qualifier }),
    });
  }
}

function keyOf(headers: IncomingHttpHeaders): string | undefined {
  const given = headers['idempotency-key'];
  const key = Array.isArray(given) ? given.join(',') : given;
  if (key === undefined || (key.length > 0 && key.length <= longestKey)) return key;
  throw new HostError(
    'invalid',
    'idempotency.invalid_key',
    `An Idempotency-Key has 1 to ${longestKey} characters.`,
  );
}

const replayed = ['idempotency-replayed', 'true'] as const;

const otherRequest = (): HostError =>
  new HostError(
    'invalid',
    'idempotency.other_request',
    'This Idempotency-Key was used for another request: use a new key for each.',
  );

function inFlight({ kind }: ClaimedKey): HostError {
  if (kind === 'held') {
    return new HostError(
      'conflict',
      'idempotency.in_flight',
      'The first request with this Idempotency-Key has not ended; try again in a moment.',
      { retryAfterMs: 1_000 },
    );
  }
  return new HostError(
    'conflict',
    'idempotency.answer_not_kept',
    'The request with this Idempotency-Key has been served; its answer was too large to be kept.',
  );
}
