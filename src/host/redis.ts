import { readFileSync } from 'node:fs';
import type { HostConfig } from '../config/host-config.ts';
import type { RedisAddress, RedisTlsFiles } from '../config/redis-settings.ts';
import { HostError } from '../domain/errors.ts';
import type { Logger } from '../domain/logger.ts';
import type { RedisConnectionOptions } from '../lib/redis-connection.ts';
import { dataPaths } from './data-paths.ts';

type Options = RedisConnectionOptions['redis'];

/** Before every key in Redis, so that Hearth can share one. */
export const keyPrefix = 'hearth';

/**
 * The two roles of Redis, the configured ones or those that `hearth up` starts, and those with
 * queues of applications. @throws HostError `invalid` when a file for TLS cannot be read.
 */
export function redisOf(
  { redis, dataDir }: HostConfig,
  logger: Logger,
): {
  readonly durable: RedisConnectionOptions;
  readonly fast: RedisConnectionOptions;
  readonly queues: ReadonlyMap<string, Options>;
} {
  const paths = dataPaths(dataDir);
  const durable = redisOptions(redis.durable ?? { path: paths.durableRedis });
  const fast = redisOptions(redis.fast ?? { path: paths.fastRedis });
  const queues = [...redis.queues].map(([name, at]) => [name, redisOptions(at)] as const);
  return {
    durable: { redis: durable, keyPrefix, logger },
    fast: { redis: fast, keyPrefix, logger },
    queues: new Map(queues),
  };
}

function redisOptions(address: RedisAddress): Options {
  if ('path' in address || !address.tls) return address as Options;
  return { ...address, tls: tlsOptions(address.tls) };
}

function tlsOptions({ caFile, certFile, keyFile }: RedisTlsFiles): Options['tls'] & object {
  return {
    ...(caFile === undefined ? {} : { ca: read('HEARTH_REDIS_CA', caFile) }),
    ...(certFile === undefined ? {} : { cert: read('HEARTH_REDIS_CERT', certFile) }),
    ...(keyFile === undefined ? {} : { key: read('HEARTH_REDIS_KEY', keyFile) }),
  };
}

function read(variable: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new HostError(
      'invalid',
      'redis.no_tls_file',
      `${variable}: ${path} cannot be read; it must be a file in PEM.`,
      { cause },
    );
  }
}
