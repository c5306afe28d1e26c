import { Queue } from 'bullmq';
import { HostError } from '../domain/errors.ts';
import type { NodeId } from '../domain/ids.ts';
import type { LaneItem, LaneProducer } from '../domain/lane.ts';
import type { Service } from '../domain/service.ts';
import { GroupCommit } from './group-commit.ts';
import { encodeLaneItem, type EncodedLaneItem } from './lane-item-codec.ts';
import { laneConnection, laneName, type LaneBatch, type LaneOptions } from './lane.ts';

/** Measured at 64 callers: two adds at a time make smaller groups, and so a tenth fewer requests/s. */
const maxBatch = 64;
const maxInFlight = 1;

/** Some seconds of work for one node; who comes then is better told at once. */
const maxWaiting = 20_000;

const commandTimeoutMs = 1000;

interface Lane {
  readonly queue: Queue;
  readonly commits: GroupCommit<EncodedLaneItem>;
}

/** Puts items on the lanes of worker nodes: a BullMQ job for each group that gathered. */
export class BullLaneProducer implements LaneProducer, Service {
  readonly name = 'lane producer';
  readonly #options: LaneOptions;
  readonly #lanes = new Map<NodeId, Lane>();
  #stopped = false;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#lanes.values()].map(({ queue }) => queue.close()));
    this.#lanes.clear();
  }

  enqueue(node: NodeId, item: LaneItem): Promise<void> {
    if (this.#stopped) return Promise.reject(unreachable(undefined));
    return this.#lane(node).commits.add(encodeLaneItem(item));
  }

  #lane(node: NodeId): Lane {
    let lane = this.#lanes.get(node);
    if (!lane) {
      lane = this.#openLane(node);
      this.#lanes.set(node, lane);
    }
    return lane;
  }

  #openLane(node: NodeId): Lane {
    const { redis, keyPrefix, logger } = this.#options;
    const queue = new Queue(laneName(node), {
      prefix: keyPrefix,
      connection: laneConnection(redis, {
        maxRetriesPerRequest: 1,
        commandTimeout: commandTimeoutMs,
      }),
      defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: true },
    });
    queue.on('error', (error) => logger.warn({ error, node }, 'the lane is not reachable'));
    const commit = async (items: readonly EncodedLaneItem[]) => {
      try {
        const batch: LaneBatch = { items };
        await queue.add('batch', batch);
      } catch (cause) {
        throw unreachable(cause);
      }
    };
    return { queue, commits: new GroupCommit({ maxBatch, maxInFlight, maxWaiting, commit }) };
  }
}

function unreachable(cause: unknown): HostError {
  return new HostError(
    'unavailable',
    'lane.unreachable',
    'The queue to the worker node cannot be reached.',
    { cause, retryAfterMs: 1000 },
  );
}
