import type { Redis } from 'ioredis';
import type { Logger } from '../domain/logger.ts';
import type { NodeInfo, NodeLoad } from '../domain/node.ts';
import type { Service } from '../domain/service.ts';
import {
  connect,
  newRedis,
  redisUnavailable,
  type RedisConnectionOptions,
} from '../lib/redis-connection.ts';
import { redisKeys } from './redis-keys.ts';
import { Repeating } from '../lib/repeating.ts';

/** How often a node says that it is there, and how often a gateway looks. */
export const heartbeatMs = 1_000;

/** A node that was not heard of for so long is gone: four heartbeats may be lost. */
const expiryMs = 5 * heartbeatMs;

export interface NodeAnnouncementOptions extends RedisConnectionOptions {
  readonly node: NodeInfo;
  /** Asked at each heartbeat. */
  readonly load?: () => NodeLoad;
  readonly heartbeatMs?: number;
}

/** A worker's end of the directory: from start to stop the node is in it. */
export class NodeAnnouncement implements Service {
  readonly name = 'node-announcement';
  readonly #node: NodeInfo;
  readonly #load: (() => NodeLoad) | undefined;
  readonly #keys: ReturnType<typeof redisKeys>;
  readonly #logger: Logger;
  readonly #redis: Redis;
  readonly #heartbeat: Repeating;

  constructor(options: NodeAnnouncementOptions) {
    this.#node = options.node;
    this.#load = options.load;
    this.#keys = redisKeys(options.keyPrefix);
    this.#logger = options.logger;
    this.#redis = newRedis(options, 'announcing this node');
    this.#heartbeat = new Repeating(options.heartbeatMs ?? heartbeatMs, () => this.#renew());
  }

  async start(signal: AbortSignal): Promise<void> {
    await connect(this.#redis, signal);
    await this.#announce();
    this.#heartbeat.start();
  }

  /** Idempotent. Gateways stop choosing the node at their next look. */
  async stop(): Promise<void> {
    await this.#heartbeat.stop();
    const { nodeIds, node } = this.#keys;
    try {
      if (this.#redis.status === 'ready') {
        const { id } = this.#node;
        await Promise.all([this.#redis.srem(nodeIds, id), this.#redis.del(node(id))]);
      }
    } catch (error) {
      // No need to fail the stop: the announcement expires by itself.
      this.#logger.warn({ error }, 'This node could not take back its announcement.');
    } finally {
      this.#redis.disconnect();
    }
  }

  async #announce(): Promise<void> {
    const { nodeIds, node } = this.#keys;
    const { id } = this.#node;
    const info = JSON.stringify({ ...this.#node, load: this.#load?.() });
    try {
      await Promise.all([
        this.#redis.sadd(nodeIds, id),
        this.#redis.set(node(id), info, 'PX', expiryMs),
      ]);
    } catch (cause) {
      throw redisUnavailable(cause);
    }
  }

  async #renew(): Promise<void> {
    try {
      await this.#announce();
    } catch (error) {
      this.#logger.warn({ error }, 'This node could not renew its announcement; trying again.');
    }
  }
}
