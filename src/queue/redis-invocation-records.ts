import type { InvocationId } from '../domain/ids.ts';
import { isEnded, type InvocationRecord } from '../domain/invocation-record.ts';
import type { InvocationRecords } from '../domain/invocation-records.ts';
import { redisUnavailable } from '../lib/redis-connection.ts';
import { cancelled } from './attempt-policy.ts';
import type { EventQueueConnection } from './event-queue-connection.ts';
import type { InvocationNews } from './invocation-news.ts';
import type { InvocationStore } from './invocation-store.ts';

/** What became of asynchronous invocations, from the durable Redis. */
export class RedisInvocationRecords implements InvocationRecords {
  readonly #connection: EventQueueConnection;
  readonly #store: InvocationStore;
  readonly #news: InvocationNews;

  constructor(connection: EventQueueConnection, store: InvocationStore, news: InvocationNews) {
    this.#connection = connection;
    this.#store = store;
    this.#news = news;
  }

  get(id: InvocationId): Promise<InvocationRecord | undefined> {
    return this.#store.read(id);
  }

  body(id: InvocationId): Promise<Uint8Array | undefined> {
    return this.#store.readBody(id);
  }

  answer(id: InvocationId): Promise<Uint8Array | undefined> {
    return this.#store.readAnswer(id);
  }

  async whenEnded(id: InvocationId, signal: AbortSignal): Promise<InvocationRecord | undefined> {
    let last: InvocationRecord | undefined;
    for await (const record of this.changes(id, signal)) last = record;
    return last;
  }

  async *changes(id: InvocationId, signal: AbortSignal): AsyncGenerator<InvocationRecord> {
    let news = Promise.withResolvers<void>();
    const tell = () => news.resolve();
    signal.addEventListener('abort', tell, { once: true });
    await using _following = await this.#news.follow(id, tell).catch((cause: unknown) => {
      throw redisUnavailable(cause);
    });
    for (let revision = 0; ;) {
      news = Promise.withResolvers<void>();
      const record = await this.#store.read(id);
      if (!record) return;
      if (record.revision > revision) yield record;
      if (isEnded(record.state) || signal.aborted) return;
      revision = record.revision;
      await news.promise;
    }
  }

  async cancel(id: InvocationId): Promise<InvocationRecord | undefined> {
    const { redis, keys } = this.#connection;
    for (;;) {
      const before = await this.#store.read(id);
      if (!before || isEnded(before.state)) return before;
      const after = cancelled(before, Date.now());
      if (!(await this.#store.replace(after))) continue;
      if (after.cancelRequested) await redis.publish(keys.cancel, id);
      else await this.#removeJob(after);
      return after;
    }
  }

  /** One that a worker is taking at this moment cannot be removed: the worker drops it. */
  async #removeJob({ functionName, id }: InvocationRecord): Promise<void> {
    try {
      await this.#connection.queue(functionName).remove(id, false);
      await this.#connection.lookAt(functionName, Date.now());
    } catch {
      // its record says that it is cancelled, which is all that counts
    }
  }
}
