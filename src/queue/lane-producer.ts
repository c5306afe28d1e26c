import { randomUUID } from 'node:crypto';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { HostError } from '../domain/errors.ts';
import type { InvocationId, NodeId } from '../domain/ids.ts';
import type { LaneItem, LaneProducer } from '../domain/lane.ts';
import type { Service } from '../domain/service.ts';
import { GroupCommit } from './group-commit.ts';
import { decodeLaneBatch, encodeLaneItem, type EncodedLaneItem } from './lane-item-codec.ts';
import { laneName, reconnectDelayMs, type LaneBatch, type LaneOptions } from './lane.ts';

const maxBatch = 64;

/**
 * Items gather only while the adds are slower than the consumer. With two on their way the adds can
 * be the faster ones: then 64 callers send jobs of one item, and stay there (test/bench/lane.ts).
 */
const maxInFlight = 1;

/** Some seconds of work for one node; who comes then is better told at once. */
const maxWaiting = 20_000;

/**
 * A Redis that owes an answer and says nothing for so long is given up with its connection, so that
 * all that waits fails then, not one commit after the other. It is looked for again as ever.
 */
const silenceLimitMs = 1000;

/** BullMQ's own log of each lane, which nobody reads, would keep 10,000 entries. */
const keptEvents = 100;

/**
 * KEYS the lane's list of waiting jobs. ARGV what the keys of its jobs begin with, their name.
 * Takes those jobs away and returns their data. A worker takes a job off the same list: one of the
 * two has it.
 */
const withdrawScript = `
local withdrawn = {}
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local job = ARGV[1] .. id
  if redis.call('HGET', job, 'name') == ARGV[2] then
    redis.call('LREM', KEYS[1], 1, id)
    withdrawn[#withdrawn + 1] = redis.call('HGET', job, 'data')
    redis.call('DEL', job)
  end
end
return withdrawn`;

interface Lane {
  readonly queue: Queue;
  readonly commits: GroupCommit<EncodedLaneItem>;
}

/**
 * Puts items on the lanes of worker nodes: a BullMQ job for each group that gathered. The lanes
 * share one connection; there is one for each node that was ever placed on.
 *
 * INVARIANT: an add is sent once. One whose answer was lost is not sent again, because it may have
 * been done; nor does one wait for Redis to return, because its caller has been told by then.
 */
export class BullLaneProducer implements LaneProducer, Service {
  readonly name = 'lane producer';
  readonly #options: LaneOptions;
  readonly #redis: Redis;
  /** The name of its jobs, by which it finds them again. */
  readonly #gateway = randomUUID();
  readonly #lanes = new Map<NodeId, Lane>();

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#redis = new Redis({
      ...options.redis,
      replyMapping: 'legacy', // what BullMQ reads
      lazyConnect: true,
      retryStrategy: reconnectDelayMs,
      socketTimeout: silenceLimitMs,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0, // what is unanswered when the connection breaks fails then
    });
    this.#redis.on('error', (error) =>
      options.logger.warn({ error }, 'The Redis of the lanes is not reachable.'),
    );
  }

  /** @throws HostError `unavailable` when Redis is not there. */
  async start(signal: AbortSignal): Promise<void> {
    const giveUp = () => this.#redis.disconnect();
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      signal.throwIfAborted();
      await this.#redis.connect();
    } catch (cause) {
      this.#redis.disconnect();
      throw unreachable(cause);
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  /** What was sent is answered first, if Redis answers at all. */
  async stop(): Promise<void> {
    await this.#redis.quit().catch(() => this.#redis.disconnect());
    await Promise.all([...this.#lanes.values()].map(({ queue }) => queue.close()));
    this.#lanes.clear();
  }

  enqueue(node: NodeId, item: LaneItem): Promise<void> {
    return this.#lane(node).commits.add(encodeLaneItem(item));
  }

  async withdraw(node: NodeId): Promise<readonly InvocationId[]> {
    const lane = this.#lanes.get(node);
    if (!lane) return [];
    await lane.commits.settled();
    const { queue } = lane;
    const args = [queue.toKey('wait'), queue.toKey(''), this.#gateway] as const;
    try {
      const jobs = (await this.#redis.eval(withdrawScript, 1, ...args)) as readonly string[];
      return jobs.flatMap((json) => decodeLaneBatch(JSON.parse(json)).map(({ id }) => id));
    } catch (cause) {
      throw unreachable(cause);
    }
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
    const { keyPrefix, logger } = this.#options;
    const queue = new Queue(laneName(node), {
      prefix: keyPrefix,
      connection: this.#redis,
      skipWaitingForReady: true, // an add fails at once when Redis is away
      skipVersionCheck: true, // one that fails would spoil the queue for good
      streams: { events: { maxLen: keptEvents } },
      defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: true },
    });
    queue.on('error', (error) => logger.warn({ error, node }, 'The lane of a node is in trouble.'));
    const commit = async (items: readonly EncodedLaneItem[]) => {
      try {
        const batch: LaneBatch = { items };
        await queue.add(this.#gateway, batch);
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
    'The queue to the worker node cannot be reached: check that Redis runs and accepts writes.',
    { cause, retryAfterMs: 1000 },
  );
}
