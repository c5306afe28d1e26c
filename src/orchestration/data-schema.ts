import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { HostError } from '../domain/errors.ts';
import type { Service } from '../domain/service.ts';
import { connect, newRedis, type RedisConnectionOptions } from '../lib/redis-connection.ts';
import { Repeating } from '../lib/repeating.ts';
import { migrations as allMigrations, type Migration } from './migrations.ts';
import { recordKeys, recordKinds, schemaKeys } from './redis-keys.ts';

/** A process that dies while it migrates holds up the others for so long. */
const lockMs = 15_000;

/** Others that wait look again so often. */
const lookAgainMs = 200;

/** KEYS lock, version. ARGV token, the new version. Writes only while the lock is ours; 0: it is not. */
const advanceScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
return 1`;

/** KEYS lock. ARGV token, milliseconds; none of them: gives it back. */
const renewScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

export interface DataSchemaOptions extends RedisConnectionOptions {
  readonly migrations?: readonly Migration[];
}

/**
 * Stands before everything that reads the durable Redis: what an older Hearth wrote is migrated
 * first, what a newer one wrote is left alone.
 *
 * INVARIANT: one process migrates, the others wait; the version counts up after each migration, so
 * that one that was broken off is begun again, and none before it.
 */
export class DataSchema implements Service {
  readonly name = 'data schema';
  readonly #options: DataSchemaOptions;
  readonly #migrations: readonly Migration[];
  readonly #keys: ReturnType<typeof schemaKeys>;
  readonly #token = randomUUID();

  constructor(options: DataSchemaOptions) {
    this.#options = options;
    this.#migrations = options.migrations ?? allMigrations;
    this.#keys = schemaKeys(options.keyPrefix);
  }

  /** The version that this program reads and writes. Without a migration it is 1. */
  get #current(): number {
    return this.#migrations.length + 1;
  }

  /** @throws HostError `conflict` when a newer Hearth wrote the data. */
  async start(signal: AbortSignal): Promise<void> {
    const redis = newRedis(this.#options, 'the version of the data');
    try {
      await connect(redis, signal);
      for (;;) {
        const version = await this.#version(redis);
        if (version === this.#current) return;
        if (version > this.#current) throw tooNew(version, this.#current);
        if (await this.#lock(redis)) await this.#migrate(redis, signal);
        else await delay(lookAgainMs, undefined, { signal });
      }
    } finally {
      redis.disconnect();
    }
  }

  async stop(): Promise<void> {}

  /** Data without a version is that of the first one; where there is none it is the newest. */
  async #version(redis: Redis): Promise<number> {
    const said = await redis.get(this.#keys.version);
    if (said !== null) return Number(said);
    const { keyPrefix } = this.#options;
    const found = await Promise.all(
      recordKinds.map((kind) => redis.exists(recordKeys(keyPrefix, kind).records)),
    );
    const isThere = found.some((count) => count > 0);
    await redis.set(this.#keys.version, isThere ? 1 : this.#current, 'NX');
    return Number(await redis.get(this.#keys.version));
  }

  async #lock(redis: Redis): Promise<boolean> {
    return (await redis.set(this.#keys.lock, this.#token, 'PX', lockMs, 'NX')) === 'OK';
  }

  async #migrate(redis: Redis, signal: AbortSignal): Promise<void> {
    const { keyPrefix, logger } = this.#options;
    const renew = async (ms: number) => {
      await redis.eval(renewScript, 1, this.#keys.lock, this.#token, ms).catch(() => {});
    };
    const renewing = new Repeating(lockMs / 3, () => renew(lockMs));
    renewing.start();
    try {
      const from = await this.#version(redis); // another may have done it before we had the lock
      for (const [index, { what, migrate }] of this.#migrations.entries()) {
        if (index + 1 < from) continue;
        signal.throwIfAborted();
        logger.info({ what, from: index + 1, to: index + 2 }, 'The data is migrated.');
        await migrate(redis, keyPrefix, signal);
        const { lock, version } = this.#keys;
        const isOurs = await redis.eval(advanceScript, 2, lock, version, this.#token, index + 2);
        if (isOurs === 0) return; // it took too long and another began: look again
      }
    } finally {
      await renewing.stop();
      await renew(0);
    }
  }
}

const tooNew = (version: number, known: number): HostError =>
  new HostError(
    'conflict',
    'data.newer_schema',
    `The data in the durable Redis has schema ${version}, and this Hearth knows ${known}: a newer ` +
      'one has written it. Start that one, or restore a backup of before the upgrade.',
  );
