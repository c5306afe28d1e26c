import type { Redis } from 'ioredis';
import type { FactPublisher } from '../domain/facts.ts';
import type { NodeId } from '../domain/ids.ts';
import type { Logger } from '../domain/logger.ts';
import type { NodeDirectory, NodeInfo } from '../domain/node.ts';
import type { Service } from '../domain/service.ts';
import { heartbeatMs } from './node-announcement.ts';
import {
  connect,
  newRedis,
  redisUnavailable,
  type RedisConnectionOptions,
} from '../lib/redis-connection.ts';
import { redisKeys } from './redis-keys.ts';
import { Repeating } from '../lib/repeating.ts';

export interface RedisNodeDirectoryOptions extends RedisConnectionOptions {
  readonly facts?: FactPublisher;
  /** A node is not there any more: it stopped, or was not heard of for too long. */
  readonly onGone?: (node: NodeId) => void;
  readonly lookIntervalMs?: number;
}

/**
 * A gateway's end of the directory in the fast Redis. While Redis is away the last look stands:
 * nodes do not die with it, and what cannot reach them fails with a better message than "no nodes".
 */
export class RedisNodeDirectory implements NodeDirectory, Service {
  readonly name = 'node-directory';
  readonly #options: RedisNodeDirectoryOptions;
  readonly #keys: ReturnType<typeof redisKeys>;
  readonly #logger: Logger;
  readonly #redis: Redis;
  readonly #looking: Repeating;
  #live: readonly NodeInfo[] = [];

  constructor(options: RedisNodeDirectoryOptions) {
    this.#options = options;
    this.#keys = redisKeys(options.keyPrefix);
    this.#logger = options.logger;
    this.#redis = newRedis(options, 'looking for nodes');
    this.#looking = new Repeating(options.lookIntervalMs ?? heartbeatMs, () => this.#lookAgain());
  }

  async start(signal: AbortSignal): Promise<void> {
    await connect(this.#redis, signal);
    await this.#look();
    this.#looking.start();
  }

  async stop(): Promise<void> {
    await this.#looking.stop();
    this.#redis.disconnect();
  }

  live(): readonly NodeInfo[] {
    return this.#live;
  }

  async #look(): Promise<void> {
    const { nodeIds, node } = this.#keys;
    try {
      const ids = await this.#redis.smembers(nodeIds);
      const announcements = ids.length > 0 ? await this.#redis.mget(ids.map(node)) : [];
      this.#found(
        announcements.filter((json) => json !== null).map((json) => JSON.parse(json) as NodeInfo),
      );
      const expired = ids.filter((_id, index) => announcements[index] === null);
      for (const id of expired) await this.#strike(id);
    } catch (cause) {
      throw redisUnavailable(cause);
    }
  }

  #found(live: readonly NodeInfo[]): void {
    const before = this.#live;
    this.#live = live;
    const gone = before.filter(({ id }) => !live.some((node) => node.id === id));
    for (const { id } of gone) this.#options.onGone?.(id);
  }

  /** Should the node be back meanwhile, its next heartbeat puts it in again. */
  async #strike(node: NodeId): Promise<void> {
    const isFirst = (await this.#redis.srem(this.#keys.nodeIds, node)) > 0;
    if (isFirst) this.#options.facts?.publish('node.lost', { node }); // one directory tells of it
  }

  async #lookAgain(): Promise<void> {
    try {
      await this.#look();
    } catch (error) {
      this.#logger.warn({ error }, 'The nodes could not be looked up; the last look stands.');
    }
  }
}
