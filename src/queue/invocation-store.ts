import type { InvocationId } from '../domain/ids.ts';
import { isEnded, type InvocationRecord } from '../domain/invocation-record.ts';
import { redisUnavailable } from '../lib/redis-connection.ts';
import type { EventQueueConnection } from './event-queue-connection.ts';

/** POLICY: a dead letter waits for a person, who may be on holiday. */
const deadLetterAgeMs = 14 * 24 * 3_600_000;

/** The records of asynchronous invocations in the durable Redis. */
export class InvocationStore {
  readonly #connection: EventQueueConnection;

  constructor(connection: EventQueueConnection) {
    this.#connection = connection;
  }

  async read(id: InvocationId): Promise<InvocationRecord | undefined> {
    const { redis, keys } = this.#connection;
    const json = await asked(redis.hget(keys.record(id), 'record'));
    return json === null ? undefined : (JSON.parse(json) as InvocationRecord);
  }

  /** The event; undefined when the invocation is not recorded any more. */
  async readBody(id: InvocationId): Promise<Buffer | undefined> {
    const { redis, keys } = this.#connection;
    return (await asked(redis.getBuffer(keys.body(id)))) ?? undefined;
  }

  /** What the function answered; undefined while it has not. */
  async readAnswer(id: InvocationId): Promise<Buffer | undefined> {
    const { redis, keys } = this.#connection;
    return (await asked(redis.getBuffer(keys.answer(id)))) ?? undefined;
  }

  /**
   * Writes a record over the revision before it; false when that is not the stored one. Durable
   * when it resolves. Writing the same once more is harmless: an answer of Redis may get lost.
   */
  async replace(record: InvocationRecord, answer?: Uint8Array): Promise<boolean> {
    const { redis, keys } = this.#connection;
    const args = this.replaceArgs(record, { answer });
    if ((await asked(this.#connection.run('replaceInvocation', args))) === 1) return true;
    const stored = await asked(redis.hget(keys.record(record.id), 'record'));
    return stored === JSON.stringify(record);
  }

  /** As `replace`, but only for as long as the invocation's job is the token's. */
  async replaceWhileHeld(
    record: InvocationRecord,
    holder: string,
  ): Promise<'replaced' | 'changed' | 'not_held'> {
    const args = this.replaceArgs(record, { holder });
    const reply = await asked(this.#connection.run('replaceInvocation', args));
    if (reply === -1) return 'not_held';
    return reply === 1 ? 'replaced' : 'changed';
  }

  /** Of the script `replaceInvocation`, for who puts it into a transaction. */
  replaceArgs(
    record: InvocationRecord,
    {
      answer,
      holder = '',
    }: { readonly answer?: Uint8Array | undefined; readonly holder?: string } = {},
  ): readonly unknown[] {
    const { id, functionName, revision, state, settings, token = '' } = record;
    const { keys } = this.#connection;
    const { ageMs, count } = settings.retention;
    return [
      keys.record(id),
      keys.body(id),
      keys.answer(id),
      keys.live(functionName),
      keys.ended(functionName),
      keys.dead(functionName),
      keys.running(record.attempts.at(-1)?.node ?? '-'),
      this.#connection.jobLock(functionName, id),
      revision - 1,
      revision,
      JSON.stringify(record),
      id,
      functionName,
      state,
      Date.now(),
      state === 'dead_letter' ? Math.max(ageMs, deadLetterAgeMs) : ageMs,
      count,
      isEnded(state) && answer ? Buffer.from(answer) : '',
      token,
      keys.record(''),
      keys.body(''),
      keys.answer(''),
      keys.news(id),
      record.acceptedMs,
      holder,
    ];
  }
}

async function asked<T>(command: Promise<T>): Promise<T> {
  try {
    return await command;
  } catch (cause) {
    throw redisUnavailable(cause);
  }
}
