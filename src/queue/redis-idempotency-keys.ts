import { createHash } from 'node:crypto';
import type { ClaimedKey, IdempotencyKeys, KeptAnswer, KeyClaim } from '../domain/idempotency.ts';
import { redisUnavailable } from '../lib/redis-connection.ts';
import type { EventQueueConnection } from './event-queue-connection.ts';

/** POLICY: as others do who have such keys. */
const keptMs = 24 * 3_600_000;

/** Idempotency keys in the durable Redis. */
export class RedisIdempotencyKeys implements IdempotencyKeys {
  readonly #connection: EventQueueConnection;

  constructor(connection: EventQueueConnection) {
    this.#connection = connection;
  }

  async claim(claim: KeyClaim): Promise<ClaimedKey> {
    const { requestDigest, id, holdMs } = claim;
    const reply = await this.#run('claimKey', claim, [requestDigest, id, holdMs]);
    const [kind, firstId] = reply as [ClaimedKey['kind'], string];
    if (kind === 'other_request') return { kind };
    if (kind !== 'answered') return { kind, id: firstId };
    const answer = await this.#answer(claim);
    return answer ? { kind, id: firstId, answer } : { kind: 'unkept', id: firstId };
  }

  async keep(claim: KeyClaim, answer: KeptAnswer | 'accepted' | 'unkept'): Promise<void> {
    const isState = typeof answer === 'string';
    const state = isState ? answer : 'answered';
    const told = isState ? '' : JSON.stringify({ outcome: answer.outcome, head: answer.head });
    const body = isState ? '' : Buffer.from(answer.body);
    await this.#run('keepKey', claim, [claim.id, state, told, body, keptMs]);
  }

  async release(claim: KeyClaim): Promise<void> {
    await this.#run('releaseKey', claim, [claim.id]);
  }

  async #answer(claim: KeyClaim): Promise<KeptAnswer | undefined> {
    try {
      const { redis } = this.#connection;
      const [told, body] = await redis.hmgetBuffer(this.#keyOf(claim), 'told', 'body');
      if (!told || !body) return undefined;
      return { ...(JSON.parse(told.toString()) as Omit<KeptAnswer, 'body'>), body };
    } catch (cause) {
      throw redisUnavailable(cause);
    }
  }

  async #run(
    script: 'claimKey' | 'keepKey' | 'releaseKey',
    claim: KeyClaim,
    args: readonly unknown[],
  ): Promise<unknown> {
    try {
      return await this.#connection.run(script, [this.#keyOf(claim), ...args]);
    } catch (cause) {
      throw redisUnavailable(cause);
    }
  }

  /** Callers' keys may be of any length and hold anything. */
  #keyOf({ functionName, key }: KeyClaim): string {
    const digest = createHash('sha256').update(key).digest('hex');
    return this.#connection.keys.idempotency(functionName, digest);
  }
}
