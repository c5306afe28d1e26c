import { createRedisBackend, type IRedisTransaction, type RedisQueueBackend } from 'bullmq';
import type { Redis } from 'ioredis';
import type { InvocationId } from '../domain/ids.ts';
import type { Service } from '../domain/service.ts';
import { connect, newRedis, type RedisConnectionOptions } from '../lib/redis-connection.ts';
import { eventQueueKeys, eventQueueName, type EventQueueKeys } from './event-queue-keys.ts';
import { eventQueueScripts, type EventQueueScript } from './event-queue-scripts.ts';

/**
 * How long BullMQ leaves a job with a worker that says nothing; longer than an outage of Redis that
 * is to be survived without running anything twice. A dead worker is found sooner by other means.
 */
export const lockMs = 60_000;

/** At most so often active jobs are looked through for ones whose lock has run out. */
export const stalledCheckMs = 5_000;

/**
 * One connection to the durable Redis for the event queues of all functions, however many there
 * are: BullMQ's own commands are issued for any queue on it, so that no queue needs a `Queue` or
 * `Worker` with connections and timers of its own.
 */
export class EventQueueConnection implements Service {
  readonly name = 'event queues';
  readonly keys: EventQueueKeys;
  readonly redis: Redis;
  readonly #options: RedisConnectionOptions;
  #queues: RedisQueueBackend | undefined;

  constructor(options: RedisConnectionOptions) {
    this.#options = options;
    this.keys = eventQueueKeys(options.keyPrefix);
    this.redis = newRedis(options, this.name);
    for (const [name, script] of Object.entries(eventQueueScripts)) {
      this.redis.defineCommand(name, script);
    }
  }

  async start(signal: AbortSignal): Promise<void> {
    await connect(this.redis, signal);
    const queues = createRedisBackend('', {
      connection: this.redis,
      prefix: this.#options.keyPrefix,
      lockDuration: lockMs,
      stalledInterval: stalledCheckMs,
      maxStalledCount: Number.MAX_SAFE_INTEGER, // our own ledger counts what is lost
    } as Parameters<typeof createRedisBackend>[1]); // its type knows the options of a queue only
    queues.on('error', () => {}); // `newRedis` logs it already
    await queues.waitUntilReady();
    this.#queues = queues;
  }

  async stop(): Promise<void> {
    this.redis.disconnect();
  }

  /** BullMQ's commands for the queue of a function. */
  queue(functionName: string): RedisQueueBackend {
    return this.#started.forQueue(eventQueueName(functionName)) as RedisQueueBackend;
  }

  /** Whoever works on an invocation's job has its token in there, as BullMQ has put it. */
  jobLock(functionName: string, id: InvocationId): string {
    return `${this.queue(functionName).keys['']}${id}:lock`;
  }

  async run(script: EventQueueScript, args: readonly unknown[]): Promise<unknown> {
    const client = await this.#started.client;
    return (await client.runCommand(script, [...args])) as unknown;
  }

  /** The function's queue is looked at no later than then, by some worker. */
  async lookAt(functionName: string, atMs: number): Promise<void> {
    await this.run('lookAtQueue', [this.keys.work, functionName, atMs, this.keys.wake]);
  }

  /** What is put into it happens whole or not at all. */
  async transaction(): Promise<IRedisTransaction> {
    return (await this.#started.client).multi();
  }

  get #started(): RedisQueueBackend {
    if (!this.#queues) throw new TypeError('the event queues are used before their start');
    return this.#queues;
  }
}
