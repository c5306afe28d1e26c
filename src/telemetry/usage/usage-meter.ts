import type { Redis } from 'ioredis';
import type { Fact } from '../../domain/facts.ts';
import type { Digest } from '../../domain/ids.ts';
import type { Logger } from '../../domain/logger.ts';
import type { Service } from '../../domain/service.ts';
import { connect, newRedis, type RedisConnectionOptions } from '../../lib/redis-connection.ts';
import { Repeating } from '../../lib/repeating.ts';
import { usageKey } from './usage-keys.ts';
import { UsageTally } from './usage-tally.ts';

export interface UsageMeterOptions extends RedisConnectionOptions {
  /** Of a version that has run here. */
  readonly memoryOf: (version: Digest) => number | undefined;
  readonly writeIntervalMs?: number;
}

/** POLICY: one write of all that was used in so long; a node that is killed loses that much of it. */
const writeIntervalMs = 10_000;

const keptSeconds = 400 * 24 * 3600;

/** Adds what invocations and sandboxes of this node use to the ledger, in the durable Redis. */
export class UsageMeter implements Service {
  readonly name = 'usage meter';
  readonly #options: UsageMeterOptions;
  readonly #logger: Logger;
  readonly #redis: Redis;
  readonly #tally = new UsageTally();
  readonly #writing: Repeating;

  constructor(options: UsageMeterOptions) {
    this.#options = options;
    this.#logger = options.logger;
    this.#redis = newRedis(options, 'usage');
    this.#writing = new Repeating(options.writeIntervalMs ?? writeIntervalMs, () => this.#write());
  }

  async start(signal: AbortSignal): Promise<void> {
    await connect(this.#redis, signal);
    this.#writing.start();
  }

  /** Writes what is left. */
  async stop(): Promise<void> {
    await this.#writing.stop();
    if (this.#redis.status === 'ready') await this.#write();
    this.#redis.disconnect();
  }

  /** A FactListener. */
  readonly listen = ({ type, timeMs, data }: Fact): void => {
    if (type === 'usage.measured') this.#tally.measured(data, timeMs);
    if (type !== 'invocation.completed') return;
    this.#tally.add(data, timeMs, this.#options.memoryOf(data.version) ?? 0);
  };

  async #write(): Promise<void> {
    const days = this.#tally.take();
    if (days.size === 0) return;
    const { keyPrefix } = this.#options;
    const transaction = this.#redis.multi();
    for (const [day, functions] of days) {
      const key = usageKey(keyPrefix, day);
      for (const [name, used] of functions) {
        for (const [amount, value] of Object.entries(used)) {
          transaction.hincrbyfloat(key, `${name}:${amount}`, value as number);
        }
      }
      transaction.expire(key, keptSeconds);
    }
    try {
      await transaction.exec();
    } catch (error) {
      // It may have been written all the same: then it is counted twice, which is told here.
      this.#logger.warn({ error }, 'What was used could not be written; trying again.');
      this.#tally.putBack(days);
    }
  }
}
