import { Redis, type RedisOptions } from 'ioredis';
import { HostError } from '../domain/errors.ts';
import type { Logger } from '../domain/logger.ts';

/** Bounds every command, also one that waits for the connection to come back. */
const commandTimeoutMs = 5_000;

export interface RedisConnectionOptions {
  readonly redis: RedisOptions;
  /** Before every key and channel, so that installations can share one Redis. */
  readonly keyPrefix: string;
  readonly logger: Logger;
}

/** A connection that is not yet open; once opened it reconnects by itself until disconnected. */
export function newRedis({ redis, logger }: RedisConnectionOptions, purpose: string): Redis {
  const client = new Redis({
    ...redis,
    replyMapping: 'legacy', // one shape of replies, whichever protocol the server speaks
    lazyConnect: true,
    autoResubscribe: false,
    commandTimeout: commandTimeoutMs,
  });
  client.on('error', (error) => logger.warn({ error, purpose }, 'Redis is not reachable.'));
  return client;
}

/** @throws HostError `unavailable`, also when the signal aborts. */
export async function connect(client: Redis, signal: AbortSignal): Promise<void> {
  const giveUp = () => client.disconnect();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    signal.throwIfAborted();
    await client.connect();
  } catch (cause) {
    client.disconnect();
    throw redisUnavailable(cause);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

export function redisUnavailable(cause: unknown): HostError {
  return new HostError(
    'unavailable',
    'redis.unavailable',
    'Redis did not answer: check that it runs and accepts writes.',
    { cause, retryAfterMs: 1_000 },
  );
}
