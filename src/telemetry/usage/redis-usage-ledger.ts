import type { Redis } from 'ioredis';
import type { Service } from '../../domain/service.ts';
import { usageDay, type UsageLedger, type UsageRow } from '../../domain/usage.ts';
import {
  connect,
  newRedis,
  redisUnavailable,
  type RedisConnectionOptions,
} from '../../lib/redis-connection.ts';
import { usageKey } from './usage-keys.ts';

const dayMs = 24 * 3600 * 1000;

/** A gateway's end of the ledger, in the durable Redis. */
export class RedisUsageLedger implements UsageLedger, Service {
  readonly name = 'usage ledger';
  readonly #keyPrefix: string;
  readonly #redis: Redis;

  constructor(options: RedisConnectionOptions) {
    this.#keyPrefix = options.keyPrefix;
    this.#redis = newRedis(options, 'the usage ledger');
  }

  async start(signal: AbortSignal): Promise<void> {
    await connect(this.#redis, signal);
  }

  async stop(): Promise<void> {
    this.#redis.disconnect();
  }

  async between(firstDay: string, lastDay: string): Promise<readonly UsageRow[]> {
    const rows: UsageRow[] = [];
    for (let time = Date.parse(firstDay); time <= Date.parse(lastDay); time += dayMs) {
      rows.push(...(await this.#day(usageDay(time))));
    }
    return rows;
  }

  async #day(day: string): Promise<readonly UsageRow[]> {
    const fields = await this.#redis
      .hgetall(usageKey(this.#keyPrefix, day))
      .catch((cause: unknown) => {
        throw redisUnavailable(cause);
      });
    const names = new Set(Object.keys(fields).map((field) => field.split(':', 1)[0] ?? ''));
    const sum = (name: string, amount: string) => Number(fields[`${name}:${amount}`] ?? 0);
    return [...names].toSorted().map((functionName) => ({
      day,
      functionName,
      invocations: sum(functionName, 'invocations'),
      failures: sum(functionName, 'failures'),
      gbSeconds: sum(functionName, 'gbSeconds'),
      cpuSeconds: sum(functionName, 'cpuSeconds'),
      egressBytes: sum(functionName, 'egressBytes'),
    }));
  }
}
