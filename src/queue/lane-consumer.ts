import { Worker, type ConnectionOptions, type Job } from 'bullmq';
import type { NodeId } from '../domain/ids.ts';
import type { LaneHandler } from '../domain/lane.ts';
import type { Service } from '../domain/service.ts';
import { decodeLaneItem } from './lane-item-codec.ts';
import { laneName, reconnectDelayMs, type LaneBatch, type LaneOptions } from './lane.ts';

export interface LaneConsumerOptions extends LaneOptions {
  readonly node: NodeId;
  readonly handler: LaneHandler;
}

/** One job after the other, so that items keep their order; a job is over once it is handed on. */
const concurrency = 1;

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
  #worker: Worker<LaneBatch> | undefined;
  #isStopping = false;

  constructor(options: LaneConsumerOptions) {
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { redis, keyPrefix, logger, node, handler } = this.#options;
    const take = async ({ data }: Job<LaneBatch>): Promise<void> =>
      handler(data.items.map(decodeLaneItem));
    const connection = {
      ...redis,
      maxRetriesPerRequest: null,
      // Once it is to stop it does not come back, so that what waits for Redis ends.
      retryStrategy: (times: number) => (this.#isStopping ? null : reconnectDelayMs(times)),
    } as ConnectionOptions; // its type is narrower
    const worker = new Worker<LaneBatch>(laneName(node), take, {
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
      logger.error(
        { error, node, invocations: job?.data.items.length },
        'Invocations were dropped.',
      ),
    );
    await Promise.race([worker.waitUntilReady(), aborted(signal)]);
  }

  /** Takes nothing any more; what it took has been handed on. */
  async stop(grace: AbortSignal): Promise<void> {
    const worker = this.#worker;
    if (!worker) return;
    this.#isStopping = true;
    const limit = AbortSignal.any([grace, AbortSignal.timeout(closeLimitMs)]);
    await Promise.race([worker.close(), aborted(limit)]).catch(() => void this.#cutOff(worker));
  }

  /** `close` can be asked for once only, so its force comes too late: the connections are ended. */
  async #cutOff(worker: Worker): Promise<void> {
    await worker.disconnect().catch(() => {}); // broken is as good as closed
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = () => reject(signal.reason as Error);
    if (signal.aborted) fail();
    signal.addEventListener('abort', fail, { once: true });
  });
}
