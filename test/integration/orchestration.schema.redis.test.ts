import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DataSchema } from '../../src/orchestration/data-schema.ts';
import type { Migration } from '../../src/orchestration/migrations.ts';
import { startRedis, type RunningRedis } from '../support/redis.ts';
import { silentLogger } from '../support/silent-logger.ts';

let server: RunningRedis;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis({ path: server.socketPath });
});
afterAll(async () => {
  redis?.disconnect();
  await server?.stop();
});
beforeEach(() => redis.flushall());

const versionKey = 'test{schema}:version';
const oldData = () => redis.hset('test{functions}:records', 'hello', '{}');
const start = (...migrations: Migration[]) =>
  new DataSchema({
    redis: { path: server.socketPath },
    keyPrefix: 'test',
    logger: silentLogger,
    migrations,
  }).start(AbortSignal.timeout(30_000));

const counting = (key: string): Migration => ({
  what: `counts ${key}`,
  migrate: async (client) => void (await client.incr(key)),
});

describe('the schema of the data', () => {
  it('is the newest where there is no data, and nothing is migrated', async () => {
    await start(counting('one'));
    expect(await redis.get(versionKey)).toBe('2');
    expect(await redis.get('one')).toBeNull();
  });

  it('is migrated step by step, once however many start at the same time', async () => {
    await oldData();
    const both = [counting('one'), counting('two')];
    await Promise.all([start(...both), start(...both), start(...both)]);
    expect(await redis.mget('one', 'two', versionKey)).toEqual(['1', '1', '3']);
    await start(...both, counting('three'));
    expect(await redis.mget('one', 'two', 'three', versionKey)).toEqual(['1', '1', '1', '4']);
  });

  it('of a newer Hearth is refused, and left as it is', async () => {
    await redis.set(versionKey, '7');
    await expect(start(counting('one'))).rejects.toMatchObject({
      code: 'conflict',
      reason: 'data.newer_schema',
      message: expect.stringContaining('schema 7, and this Hearth knows 2'),
    });
    expect(await redis.get(versionKey)).toBe('7');
  });

  it('stays where a migration fails, which the next start begins again', async () => {
    await oldData();
    const failing: Migration = { what: 'fails', migrate: () => Promise.reject(new Error('full')) };
    await expect(start(counting('one'), failing)).rejects.toThrow('full');
    expect(await redis.get(versionKey)).toBe('2');
    await start(counting('one'), counting('two'));
    expect(await redis.mget('one', 'two', versionKey)).toEqual(['1', '1', '3']);
  });
});
