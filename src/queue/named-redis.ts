import type { RedisOptions } from 'ioredis';

/** Where queues of applications are. */
export interface NamedRedis {
  /** The host's own Redis, where applications may have queues too. */
  readonly redis: RedisOptions;
  /** Others, by the names that the operator gave them. */
  readonly connections: ReadonlyMap<string, RedisOptions>;
}

/** The host's own where no name is given; undefined for a name that nobody gave. */
export const redisNamed = (
  name: string | undefined,
  { redis, connections }: NamedRedis,
): RedisOptions | undefined => (name === undefined ? redis : connections.get(name));
