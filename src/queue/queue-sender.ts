import { Queue, type ConnectionOptions } from 'bullmq';
import type { QueueDestination } from '../domain/async-settings.ts';
import { HostError } from '../domain/errors.ts';
import type { Attempt, DestinationSender, Telling } from '../domain/event-queue.ts';
import { redisUnavailable } from '../lib/redis-connection.ts';
import { redisNamed, type NamedRedis } from './named-redis.ts';

/** A Redis that is away is tried again with the attempt, not by the connection. */
const connectTimeoutMs = 5_000;

/** Adds what is told to queues of applications, as a job with the id of the telling: once. */
export class QueueSender implements DestinationSender<QueueDestination> {
  readonly #redis: NamedRedis;

  constructor(redis: NamedRedis) {
    this.#redis = redis;
  }

  async send(
    { queue: name, prefix, connection }: QueueDestination,
    { id, body }: Attempt,
  ): Promise<Telling> {
    const redis = redisNamed(connection, this.#redis);
    if (!redis) return { outcome: unknownConnection(connection) };
    const reached = {
      ...redis,
      connectTimeout: connectTimeoutMs,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    } as ConnectionOptions; // its type is narrower
    const queue = new Queue(name, { connection: reached, prefix });
    queue.on('error', () => {}); // told by what was asked for
    try {
      await queue.add('invocation', JSON.parse(Buffer.from(body).toString()), { jobId: id });
      return { outcome: { kind: 'ok' }, response: accepted };
    } catch (error) {
      return { outcome: redisUnavailable(error) };
    } finally {
      await queue.close().catch(() => {}); // it was not open
    }
  }
}

const accepted = { status: 202, headers: [], body: new Uint8Array(0) };

const unknownConnection = (name = ''): HostError =>
  new HostError(
    'invalid',
    'queue.unknown_connection',
    `There is no connection "${name}": name it in HEARTH_QUEUES on every worker.`,
  );
