import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { tooFast, tooMany, type Limited, type Quotas, type UsageLease } from '../domain/quota.ts';
import type { Service } from '../domain/service.ts';
import {
  connect,
  newRedis,
  redisUnavailable,
  type RedisConnectionOptions,
} from '../lib/redis-connection.ts';

/**
 * KEYS rate (the time at which all that was taken will be earned anew, ms), running (ids of requests
 * by when they are over at the latest, ms). ARGV count (0: no limit), period ms, concurrency (0: no
 * limit), id, lasts ms. Redis' clock is the one for all gateways. The generic cell rate algorithm:
 * each request costs period / count, and no more than one period can be owed.
 * INVARIANT: who is refused has taken nothing. Returns { what refused or 'ok', ms to wait }.
 */
const takeScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local count, period, concurrency = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if concurrency > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
  if redis.call('ZCARD', KEYS[2]) >= concurrency then return { 'concurrency', 0 } end
end
if count > 0 then
  local owed = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + period / count
  local early = owed - now - period
  if early > 0.001 then return { 'rate', math.ceil(early) } end
  redis.call('SET', KEYS[1], string.format('%.4f', owed), 'PX', math.ceil(owed - now))
end
if concurrency > 0 then
  redis.call('ZADD', KEYS[2], now + ARGV[5], ARGV[4])
  local left = redis.call('PTTL', KEYS[2])
  if left < tonumber(ARGV[5]) then redis.call('PEXPIRE', KEYS[2], ARGV[5]) end
end
return { 'ok', 0 }`;

interface QuotaCommands {
  takeQuota(...args: readonly (string | number)[]): Promise<[string, number]>;
}

/** Quotas in the fast Redis: what is under way there ends with it. */
export class RedisQuotas implements Quotas, Service {
  readonly name = 'quotas';
  readonly #redis: Redis & QuotaCommands;
  readonly #prefix: string;

  constructor(options: RedisConnectionOptions) {
    this.#prefix = options.keyPrefix;
    const { redis } = options;
    // What is asked in one turn of the event loop goes to Redis in one write.
    const batched = { ...options, redis: { ...redis, enableAutoPipelining: true } };
    const client = newRedis(batched, 'quotas');
    client.defineCommand('takeQuota', { numberOfKeys: 2, lua: takeScript });
    this.#redis = client as Redis & QuotaCommands;
  }

  async start(signal: AbortSignal): Promise<void> {
    await connect(this.#redis, signal);
  }

  async stop(): Promise<void> {
    this.#redis.disconnect();
  }

  async take({ id, limits }: Limited, lastsMs: number): Promise<UsageLease> {
    const { rate, concurrency } = limits;
    const keys = quotaKeys(this.#prefix, id);
    const request = randomUUID();
    const [verdict, waitMs] = await this.#redis
      .takeQuota(
        keys.rate,
        keys.running,
        rate?.count ?? 0,
        rate?.perMs ?? 0,
        concurrency ?? 0,
        request,
        lastsMs,
      )
      .catch((cause: unknown) => {
        throw redisUnavailable(cause);
      });
    if (verdict === 'rate' && rate) throw tooFast(id, rate, waitMs);
    if (verdict === 'concurrency' && concurrency !== undefined) throw tooMany(id, concurrency);
    return { [Symbol.dispose]: () => concurrency && this.#giveBack(keys.running, request) };
  }

  /** What Redis does not hear of ends by itself. */
  #giveBack(running: string, request: string): void {
    this.#redis.zrem(running, request).catch(() => {});
  }
}

/** Braces keep what the script touches in one cluster slot. */
const quotaKeys = (prefix: string, keyId: string) => ({
  rate: `${prefix}{quota:${keyId}}:rate`,
  running: `${prefix}{quota:${keyId}}:running`,
});
