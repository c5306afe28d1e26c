import type {
  DeadLetterFilter,
  EventQueueControl,
  EventQueueState,
} from '../domain/event-queue-control.ts';
import type { InvocationId } from '../domain/ids.ts';
import type { InvocationRecord } from '../domain/invocation-record.ts';
import type { InvocationRecords } from '../domain/invocation-records.ts';
import { redisUnavailable } from '../lib/redis-connection.ts';
import { redriven } from './attempt-policy.ts';
import type { EventQueueConnection } from './event-queue-connection.ts';
import { jobOf } from './invocation-job.ts';
import type { InvocationStore } from './invocation-store.ts';

/** Records that are looked at together. */
const pageSize = 100;

/** What operators do with event queues. */
export class RedisEventQueueControl implements EventQueueControl {
  readonly #connection: EventQueueConnection;
  readonly #store: InvocationStore;
  readonly #records: Pick<InvocationRecords, 'cancel'>;

  constructor(
    connection: EventQueueConnection,
    store: InvocationStore,
    records: Pick<InvocationRecords, 'cancel'>,
  ) {
    this.#connection = connection;
    this.#store = store;
    this.#records = records;
  }

  async states(functionNames: readonly string[]): Promise<readonly EventQueueState[]> {
    const { redis, keys } = this.#connection;
    const pipeline = redis.pipeline();
    for (const functionName of functionNames) {
      const of = this.#connection.queue(functionName).keys;
      pipeline.hexists(of['meta'] ?? '', 'paused');
      pipeline.zcard(keys.live(functionName));
      pipeline.llen(of['active'] ?? '');
      pipeline.zcard(keys.dead(functionName));
      pipeline.zrange(keys.live(functionName), '0', '0', 'WITHSCORES');
    }
    const replies = (await asked(pipeline.exec())) ?? [];
    return functionNames.map((functionName, index) =>
      stateOf(
        functionName,
        replies.slice(index * 5, index * 5 + 5).map(([, reply]) => reply),
      ),
    );
  }

  async pause(functionName: string): Promise<void> {
    await asked(this.#connection.queue(functionName).pause(true));
  }

  async resume(functionName: string): Promise<void> {
    await asked(this.#connection.queue(functionName).pause(false));
    await asked(this.#connection.lookAt(functionName, Date.now()));
  }

  async deadLetters(
    functionName: string,
    filter: DeadLetterFilter,
  ): Promise<readonly InvocationRecord[]> {
    const found: InvocationRecord[] = [];
    for await (const record of this.#matching(functionName, filter)) found.push(record);
    return found;
  }

  async redrive(functionName: string, filter: DeadLetterFilter): Promise<number> {
    const letters = await this.deadLetters(functionName, filter);
    let count = 0;
    for (const letter of letters) if (await this.#enqueueAgain(letter)) count += 1;
    return count;
  }

  async forget(functionName: string, filter: DeadLetterFilter): Promise<number> {
    const letters = await this.deadLetters(functionName, filter);
    const { redis, keys } = this.#connection;
    const transaction = redis.multi();
    for (const { id } of letters) {
      transaction.del(keys.record(id), keys.body(id), keys.answer(id));
      transaction.zrem(keys.dead(functionName), id);
    }
    await asked(transaction.exec());
    return letters.length;
  }

  async cancelQueued(functionName: string): Promise<number> {
    const { redis, keys } = this.#connection;
    const ids = await asked(redis.zrange(keys.live(functionName), '0', '-1'));
    let count = 0;
    for (const id of ids) {
      const record = await this.#store.read(id);
      if (record?.state !== 'queued') continue;
      if ((await this.#records.cancel(id))?.state === 'cancelled') count += 1;
    }
    return count;
  }

  /** Dead letters that fit, read a page at a time; ids whose record is gone leave the list. */
  async *#matching(
    functionName: string,
    { ids, reason = '', limit }: DeadLetterFilter,
  ): AsyncGenerator<InvocationRecord> {
    let left = limit;
    for await (const id of ids ?? this.#deadIds(functionName)) {
      if (left <= 0) return;
      const record = await this.#store.read(id);
      const isMeant =
        record?.state === 'dead_letter' &&
        record.functionName === functionName &&
        (record.failure?.reason ?? '').startsWith(reason);
      if (!isMeant) continue;
      left -= 1;
      yield record;
    }
  }

  async *#deadIds(functionName: string): AsyncGenerator<InvocationId> {
    const { redis, keys } = this.#connection;
    for (let from = 0; ; from += pageSize) {
      const to = from + pageSize - 1;
      const page = await asked(redis.zrange(keys.dead(functionName), `${from}`, `${to}`));
      yield* page;
      if (page.length < pageSize) return;
    }
  }

  /** Record and job in one transaction: a job whose record did not change is dropped when taken. */
  async #enqueueAgain(letter: InvocationRecord): Promise<boolean> {
    const nowMs = Date.now();
    const record = redriven(letter, nowMs);
    const { functionName, id, dueMs } = record;
    const { keys } = this.#connection;
    const queue = this.#connection.queue(functionName);
    const transaction = await this.#connection.transaction();
    transaction.runCommand('replaceInvocation', [...this.#store.replaceArgs(record)]);
    await queue.addJobToTransaction(transaction, jobOf(record, nowMs), id, {}, queue.keys);
    transaction.runCommand('lookAtQueue', [keys.work, functionName, dueMs, keys.wake]);
    const replies = (await asked(transaction.exec())) ?? [];
    const [error, replaced] = replies[0] ?? [];
    if (error) throw redisUnavailable(error);
    return replaced === 1;
  }
}

function stateOf(functionName: string, replies: readonly unknown[]): EventQueueState {
  const [paused = 0, live = 0, running = 0, deadLetters = 0] = replies.map((n) => Number(n ?? 0));
  const [, oldest] = (replies[4] ?? []) as readonly string[];
  return {
    functionName,
    isPaused: paused === 1,
    queued: Math.max(0, live - running),
    running,
    deadLetters,
    ...(oldest === undefined ? {} : { oldestMs: Number(oldest) }),
  };
}

async function asked<T>(command: Promise<T>): Promise<T> {
  try {
    return await command;
  } catch (cause) {
    throw redisUnavailable(cause);
  }
}
