import type { Redis } from 'ioredis';

/**
 * Changes what the durable Redis holds from one schema to the next. It may be broken off and begun
 * again, so doing it twice must do no harm; and hosts of the version before may still run beside it
 * (a rolling upgrade), so what they read has to stay until the version after.
 */
export interface Migration {
  /** For the log: what changes. */
  readonly what: string;
  readonly migrate: (redis: Redis, keyPrefix: string, signal: AbortSignal) => Promise<void>;
}

/** The first leads from schema 1 to 2, and so on. Only ever appended to. */
export const migrations: readonly Migration[] = [];
