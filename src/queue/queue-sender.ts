import { Queue, type ConnectionOptions } from 'bullmq';
import type { RedisOptions } from 'ioredis';
import type { QueueDestination } from '../domain/async-settings.ts';
import { HostError } from '../domain/errors.ts';
import type { Attempt, AttemptResult, DestinationSender } from '../domain/event-queue.ts';
import { redisUnavailable } from '../lib/redis-connection.ts';

export interface QueueSenderOptions {
  /** The host's own Redis, where applications may have queues too. */
  readonly redis: RedisOptions;
  /** URLs of others, by the names that the operator gave them. */
  readonly connections: ReadonlyMap<string, string>;
}

/** A Redis that is away is tried again with the attempt, not by the connection. */
const connectTimeoutMs = 5_000;

/** Adds what is told to queues of applications, as a job with the id of the telling: once. */
export class QueueSender implements DestinationSender<QueueDestination> {
  readonly #options: QueueSenderOptions;

  constructor(options: QueueSenderOptions) {
    this.#options = options;
  }

  async send(destination: QueueDestination, { id, body }: Attempt): Promise<AttemptResult> {
    const startedMs = performance.now();
    const outcome = await this.#add(destination, id, body);
    const timings = { run: performance.now() - startedMs };
    if (outcome) return { outcome, timings };
    const response = { status: 202, headers: [], body: new Uint8Array(0) };
    return { outcome: { kind: 'ok' }, timings, response };
  }

  async #add(
    { queue: name, prefix, connection }: QueueDestination,
    jobId: string,
    body: Uint8Array,
  ): Promise<HostError | undefined> {
    const { redis: own, connections } = this.#options;
    const url = connection === undefined ? undefined : connections.get(connection);
    if (connection !== undefined && url === undefined) return unknownConnection(connection);
    const reached = {
      ...(url === undefined ? own : { url }),
      connectTimeout: connectTimeoutMs,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    } as ConnectionOptions; // its type is narrower
    const queue = new Queue(name, { connection: reached, prefix });
    queue.on('error', () => {}); // told by what was asked for
    try {
      await queue.add('invocation', JSON.parse(Buffer.from(body).toString()), { jobId });
      return undefined;
    } catch (error) {
      return redisUnavailable(error);
    } finally {
      await queue.close().catch(() => {}); // it was not open
    }
  }
}

const unknownConnection = (name: string): HostError =>
  new HostError(
    'invalid',
    'queue.unknown_connection',
    `There is no connection "${name}": name it in HEARTH_QUEUES on every worker.`,
  );
