import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FunctionRecord } from '../../src/domain/function.ts';
import type { NodeInfo } from '../../src/domain/node.ts';
import type { Service } from '../../src/domain/service.ts';
import { RedisRecordStore } from '../../src/orchestration/redis-record-store.ts';
import { NodeAnnouncement } from '../../src/orchestration/node-announcement.ts';
import { RedisNodeDirectory } from '../../src/orchestration/node-directory.ts';
import { digestOf, recordOf, specOf } from '../support/function-records.ts';
import { startRedis, type RunningRedis } from '../support/redis.ts';
import { silentLogger } from '../support/silent-logger.ts';

let redis: RunningRedis;
let admin: Redis;
let runs = 0;
let keyPrefix = '';

beforeAll(async () => {
  redis = await startRedis();
  admin = new Redis({ path: redis.socketPath });
});
afterAll(async () => {
  admin.disconnect();
  await redis.stop();
});
beforeEach(() => {
  runs += 1;
  keyPrefix = `run${runs}:`;
});

const connection = () => ({ redis: { path: redis.socketPath }, keyPrefix, logger: silentLogger });
const newStore = () => new RedisRecordStore<FunctionRecord>({ ...connection(), kind: 'functions' });
const newDirectory = () => new RedisNodeDirectory({ ...connection(), lookIntervalMs: 10 });
const soon = { timeout: 10_000, interval: 5 };

async function started<T extends Service>(service: T): Promise<T & AsyncDisposable> {
  await service.start(AbortSignal.timeout(30_000));
  return Object.assign(service, {
    [Symbol.asyncDispose]: () => service.stop(AbortSignal.timeout(1_000)),
  });
}

describe('function store', () => {
  const hello = specOf('hello');

  it('reads at its start what others have put', async () => {
    await using writer = await started(newStore());
    await writer.put(recordOf(hello));
    await using reader = await started(newStore());
    expect(reader.list()).toEqual([recordOf(hello)]);
  });

  it('follows what others put and remove', async () => {
    await using writer = await started(newStore());
    await using reader = await started(newStore());
    await writer.put(recordOf(hello));
    await vi.waitFor(() => expect(reader.get('hello')?.revision).toBe(1), soon);
    await reader.put(recordOf(hello, 2, digestOf('b')));
    await vi.waitFor(() => expect(writer.get('hello')?.revision).toBe(2), soon);
    await writer.remove('hello');
    await vi.waitFor(() => expect(reader.get('hello')).toBeUndefined(), soon);
  });

  it('reads everything again after its connection was lost', async () => {
    await using store = await started(newStore());
    await store.put(recordOf(specOf('gone')));
    // While nobody is told: as if it had happened in the time without a connection.
    await admin.hset(`${keyPrefix}{functions}:records`, 'hello', JSON.stringify(recordOf(hello)));
    await admin.hdel(`${keyPrefix}{functions}:records`, 'gone');
    expect(store.get('hello')).toBeUndefined();
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await vi.waitFor(() => expect(store.get('hello')).toEqual(recordOf(hello)), soon);
    expect(store.get('gone')).toBeUndefined();
  });

  it('does not start without Redis', async () => {
    const store = new RedisRecordStore<FunctionRecord>({
      ...connection(),
      kind: 'functions',
      redis: { path: `${redis.socketPath}.none` },
    });
    const start = store.start(AbortSignal.timeout(30_000));
    await expect(start).rejects.toMatchObject({ code: 'unavailable' });
    await store.stop();
  });
});

describe('node directory', () => {
  const node: NodeInfo = {
    id: 'node-1',
    hostname: 'one',
    memoryBytes: 1024,
    startedAt: '2026-01-02T03:04:05.000Z',
  };
  const announcement = (heartbeatMs = 20) =>
    new NodeAnnouncement({ ...connection(), node, heartbeatMs });

  it('is empty when no node has announced itself', async () => {
    await using nodes = await started(newDirectory());
    expect(nodes.live()).toEqual([]);
  });

  it('knows at its start the nodes that were there before', async () => {
    await using _node = await started(announcement(60_000));
    await using nodes = await started(newDirectory());
    expect(nodes.live()).toEqual([node]);
  });

  it('sees a node come and, when it stops, go', async () => {
    await using nodes = await started(newDirectory());
    const worker = await started(announcement());
    await vi.waitFor(() => expect(nodes.live()).toEqual([node]), soon);
    await worker.stop();
    await vi.waitFor(() => expect(nodes.live()).toEqual([]), soon);
  });

  it('forgets a node that no longer renews its announcement', async () => {
    await using nodes = await started(newDirectory());
    await using _node = await started(
      new NodeAnnouncement({ ...connection(), node, heartbeatMs: 3_600_000 }),
    );
    await vi.waitFor(() => expect(nodes.live()).toEqual([node]), soon);
    expect(await admin.pttl(`${keyPrefix}{nodes}:node:node-1`)).toBeGreaterThan(0);
    await admin.pexpire(`${keyPrefix}{nodes}:node:node-1`, 1);
    await vi.waitFor(() => expect(nodes.live()).toEqual([]), soon);
    await vi.waitFor(
      async () => expect(await admin.smembers(`${keyPrefix}{nodes}:ids`)).toEqual([]),
      soon,
    );
  });

  it('renews the announcement of a node that runs', async () => {
    await using nodes = await started(newDirectory());
    await using _node = await started(announcement());
    await admin.del(`${keyPrefix}{nodes}:node:node-1`, `${keyPrefix}{nodes}:ids`);
    await vi.waitFor(() => expect(nodes.live()).toEqual([node]), soon);
  });
});
