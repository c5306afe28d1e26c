import type { HostConfig } from '../config/host-config.ts';
import type { Logger } from '../domain/logger.ts';
import type { RedisConnectionOptions } from '../lib/redis-connection.ts';
import { dataPaths } from './data-paths.ts';

/** Before every key in Redis, so that Hearth can share one. */
export const keyPrefix = 'hearth';

/** The two roles of Redis: the configured ones, or those that `hearth up` starts. */
export function redisOf(
  { redis, dataDir }: HostConfig,
  logger: Logger,
): { readonly durable: RedisConnectionOptions; readonly fast: RedisConnectionOptions } {
  const paths = dataPaths(dataDir);
  return {
    durable: { redis: redis.durable ?? { path: paths.durableRedis }, keyPrefix, logger },
    fast: { redis: redis.fast ?? { path: paths.fastRedis }, keyPrefix, logger },
  };
}
