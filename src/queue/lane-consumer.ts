import { Worker, type ConnectionOptions, type Job } from 'bullmq';
import type { NodeId } from '../domain/ids.ts';
import type { LaneHandler } from '../domain/lane.ts';
import type { Service } from '../domain/service.ts';
import { decodeLaneBatch } from './lane-item-codec.ts';
import { laneName, reconnectDelayMs, type LaneOptions } from './lane.ts';

export interface LaneConsumerOptions extends LaneOptions {
  readonly node: NodeId;
  readonly handler: LaneHandler;
}

/**
 * Jobs on their way from Redis at once. With one the node waits for a round trip between any two
 * (measured: 4,000 requests/s against 10,000 at 64 callers); more than two gain nothing.
 */
const concurrency = 2;

/** After Redis was lost; BullMQ's own is 15 s. */
const retryDelayMs = 200;

/** For a Redis that is gone, or hangs: BullMQ would wait for it without end. */
const closeLimitMs = 2000;

/**
 * Takes items off this node's lane and hands them on, also those whose deadline has passed.
 *
 * INVARIANT: an item is handed over at most once. A job is over when its items have been handed
 * over, not when they have run; one that was being taken when a worker died is dropped.
 */
export class BullLaneConsumer implements Service {
  readonly name = 'lane consumer';
  readonly #options: LaneConsumerOptions;
  #worker: Worker<unknown> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: LaneConsumerOptions) {
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { redis, keyPrefix, logger, node, handler } = this.#options;
    const take = async ({ data }: Job<unknown>): Promise<void> => handler(decodeLaneBatch(data));
    const connection = {
      ...redis,
      maxRetriesPerRequest: null,
      // Once it is to stop it does not come back, so that what waits for Redis ends.
      retryStrategy: (times: number) => (this.#stopping ? null : reconnectDelayMs(times)),
    } as ConnectionOptions; // its type is narrower
    const worker = new Worker<unknown>(laneName(node), take, {
      prefix: keyPrefix,
      connection,
      runRetryDelay: retryDelayMs,
      concurrency,
      maxStalledCount: 0,
      maxStartedAttempts: 1, // however a job came back: it is never taken again
      skipLockRenewal: true, // no job lasts
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    });
    this.#worker = worker;
    worker.on('error', (error) => logger.warn({ error, node }, 'The lane is not reachable.'));
    worker.on('failed', (job, error) =>
      logger.error({ error, node, job: job?.id }, 'The invocations of a job were dropped.'),
    );
    await Promise.race([worker.waitUntilReady(), aborted(signal)]);
  }

  /** Takes nothing any more; what it took has been handed on. */
  stop(grace: AbortSignal): Promise<void> {
    this.#stopping ??= this.#close(grace);
    return this.#stopping;
  }

  async #close(grace: AbortSignal): Promise<void> {
    const worker = this.#worker;
    if (!worker) return;
    await worker.pause(true); // also ends its timer, which `close` does not reach if Redis is gone
    const limit = AbortSignal.any([grace, AbortSignal.timeout(closeLimitMs)]);
    try {
      await Promise.race([worker.close(), aborted(limit)]);
    } catch {
      // Force given to `close` now would not be heard. What is broken already is as good as ended.
      worker.disconnect().catch(() => {});
    }
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = () => reject(signal.reason as Error);
    if (signal.aborted) fail();
    signal.addEventListener('abort', fail, { once: true });
  });
}
