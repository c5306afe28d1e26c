import { Worker, type Job } from 'bullmq';
import type { NodeId } from '../domain/ids.ts';
import type { LaneHandler } from '../domain/lane.ts';
import type { Service } from '../domain/service.ts';
import { decodeLaneItem } from './lane-item-codec.ts';
import { laneConnection, laneName, type LaneBatch, type LaneOptions } from './lane.ts';

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

/**
 * Takes items off this node's lane and hands them on.
 *
 * INVARIANT: an item is handed over at most once. A job is over when its items have been handed
 * over, not when they have run; one that was being taken when a worker died is dropped.
 */
export class BullLaneConsumer implements Service {
  readonly name = 'lane consumer';
  readonly #options: LaneConsumerOptions;
  #worker: Worker<LaneBatch> | undefined;

  constructor(options: LaneConsumerOptions) {
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { redis, keyPrefix, logger, node, handler } = this.#options;
    const take = async (job: Job<LaneBatch>): Promise<void> => {
      if (job.stalledCounter > 0) return;
      handler(job.data.items.map(decodeLaneItem));
    };
    const worker = new Worker<LaneBatch>(laneName(node), take, {
      prefix: keyPrefix,
      connection: laneConnection(redis, { maxRetriesPerRequest: null }),
      runRetryDelay: retryDelayMs,
      concurrency,
      maxStalledCount: 0,
      skipLockRenewal: true, // no job lasts
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    });
    this.#worker = worker;
    worker.on('error', (error) => logger.warn({ error, node }, 'the lane is not reachable'));
    await Promise.race([worker.waitUntilReady(), aborted(signal)]);
  }

  /** Takes nothing any more; what it took has been handed on. Closing waits for Redis at most so long. */
  async stop(grace: AbortSignal): Promise<void> {
    const worker = this.#worker;
    if (!worker) return;
    const limit = AbortSignal.any([grace, AbortSignal.timeout(closeLimitMs)]);
    const closed = worker.close();
    await Promise.race([closed, aborted(limit).catch(() => worker.close(true))]);
  }
}

const closeLimitMs = 2000;

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = () => reject(signal.reason as Error);
    if (signal.aborted) fail();
    signal.addEventListener('abort', fail, { once: true });
  });
}
