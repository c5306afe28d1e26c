import type { RedisOptions } from 'ioredis';

export interface RedisUrl {
  readonly url: string;
}

/** Where queues of applications are. */
export interface NamedRedis {
  /** The host's own Redis, where applications may have queues too. */
  readonly redis: RedisOptions;
  /** URLs of others, by the names that the operator gave them. */
  readonly connections: ReadonlyMap<string, string>;
}

/** The host's own where no name is given; undefined for a name that nobody gave. */
export function redisNamed(
  name: string | undefined,
  { redis, connections }: NamedRedis,
): RedisOptions | RedisUrl | undefined {
  if (name === undefined) return redis;
  const url = connections.get(name);
  return url === undefined ? undefined : { url };
}
