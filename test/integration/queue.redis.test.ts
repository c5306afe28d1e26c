import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { Queue, Worker } from 'bullmq';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { LaneItem } from '../../src/domain/lane.ts';
import { BullLaneConsumer } from '../../src/queue/lane-consumer.ts';
import { BullLaneProducer } from '../../src/queue/lane-producer.ts';
import { startRedis, type RunningRedis } from '../support/redis.ts';
import { silentLogger } from '../support/silent-logger.ts';

const never = new AbortController().signal;
const node = 'node-1';
let redis: RunningRedis;
let producer: BullLaneProducer;
let consumer: BullLaneConsumer;
let taken: LaneItem[];

const options = () => ({
  redis: { path: redis.socketPath },
  keyPrefix: 'hearth',
  logger: silentLogger,
});

beforeEach(async () => {
  redis = await startRedis();
  taken = [];
  producer = new BullLaneProducer(options());
  await producer.start(never);
  consumer = newConsumer();
});
afterEach(async () => {
  await consumer.stop(never);
  await producer.stop();
  await redis.stop();
});

function newConsumer(): BullLaneConsumer {
  return new BullLaneConsumer({ ...options(), node, handler: (items) => taken.push(...items) });
}

/** Nothing waits, is being taken, or was left behind. */
async function laneIsEmpty(): Promise<void> {
  const { redis: connection, keyPrefix: prefix } = options();
  const queue = new Queue(`lane.${node}`, { connection, prefix });
  await vi.waitFor(async () => {
    const counts = await queue.getJobCounts();
    expect(Object.values(counts).every((count) => count === 0)).toBe(true);
  });
  await queue.close();
}

let items = 0;
function item(): LaneItem {
  items += 1;
  return {
    id: String(items),
    functionName: 'hello',
    version: `sha256:${'0'.repeat(64)}`,
    head: { trigger: 'http', method: 'GET', url: '/', headers: [], sourceIp: '127.0.0.1' },
    body: Buffer.from([0xff, items]),
    acceptedMs: Date.now(),
    deadlineMs: Date.now() + 1000,
    replyTo: 'unix:/gateway',
  };
}

describe('a lane', () => {
  test('carries items from the gateway to its node, each once and whole', async () => {
    await consumer.start(never);
    const sent = Array.from({ length: 300 }, item);
    await Promise.all(sent.map((one) => producer.enqueue(node, one)));
    await vi.waitFor(() => expect(taken).toHaveLength(300));
    const byId = (a: LaneItem, b: LaneItem) => Number(a.id) - Number(b.id);
    expect(taken.toSorted(byId)).toEqual(sent);
  });

  test('gives back to a gateway what that has put there and nobody has taken', async () => {
    const other = new BullLaneProducer(options());
    await other.start(never);
    const [mine, others] = [[item(), item()], [item()]] as const;
    await Promise.all(mine.map((one) => producer.enqueue(node, one)));
    await Promise.all(others.map((one) => other.enqueue(node, one)));
    const ids = mine.map(({ id }) => id);
    expect((await producer.withdraw(node)).toSorted()).toEqual(ids.toSorted());
    expect(await producer.withdraw(node)).toEqual([]);
    await consumer.start(never);
    await vi.waitFor(() => expect(taken).toEqual(others));
    await laneIsEmpty();
    expect(await producer.withdraw(node)).toEqual([]);
    await other.stop();
  });

  test('gives an item to its node or back, never both, however the two race', async () => {
    await consumer.start(never);
    const sent = Array.from({ length: 200 }, item);
    const given: string[] = [];
    for (const one of sent) {
      const added = producer.enqueue(node, one);
      given.push(...(await producer.withdraw(node)));
      await added;
    }
    await laneIsEmpty();
    const all = [...taken.map(({ id }) => id), ...given];
    expect(all.toSorted()).toEqual(sent.map(({ id }) => id).toSorted());
  });

  test('keeps what is sent before its node is there', async () => {
    const sent = item();
    await producer.enqueue(node, sent);
    await consumer.start(never);
    await vi.waitFor(() => expect(taken).toEqual([sent]));
  });

  test('leaves nothing in Redis', async () => {
    await consumer.start(never);
    await Promise.all(Array.from({ length: 10 }, () => producer.enqueue(node, item())));
    await vi.waitFor(() => expect(taken).toHaveLength(10));
    await laneIsEmpty();
  });

  test('hands over nothing any more once it was stopped', async () => {
    await consumer.start(never);
    await consumer.stop(never);
    await producer.enqueue(node, item());
    const other = newConsumer();
    await other.start(never);
    await vi.waitFor(() => expect(taken).toHaveLength(1));
    await other.stop(never);
  });

  test('says so when Redis is gone, and works again when it is back', async () => {
    await consumer.start(never);
    await producer.enqueue(node, item());
    await vi.waitFor(() => expect(taken).toHaveLength(1));
    await redis.kill();
    await expect(producer.enqueue(node, item())).rejects.toMatchObject({
      code: 'unavailable',
      reason: 'lane.unreachable',
    });
    await redis.restart();
    const later = item();
    await vi.waitFor(() => producer.enqueue(node, later), 15_000);
    await vi.waitFor(() => expect(taken).toHaveLength(2), 15_000);
    expect(taken[1]).toEqual(later); // what was refused did not run after all
  });

  test('refuses all that waits when Redis hangs, and runs none of it later but what was sent', async () => {
    await producer.enqueue(node, item());
    redis.hang();
    const waiting = Array.from({ length: 200 }, item);
    const refused = await Promise.allSettled(waiting.map((one) => producer.enqueue(node, one)));
    for (const { reason } of refused as PromiseRejectedResult[]) {
      expect(reason).toMatchObject({ code: 'unavailable', reason: 'lane.unreachable' });
    }
    redis.resume();
    const later = item();
    await vi.waitFor(() => producer.enqueue(node, later), 15_000);
    await consumer.start(never);
    await laneIsEmpty();
    expect(taken).toContainEqual(later);
    const sentAlone = waiting[0]; // the others gathered behind it
    const late = taken.filter(({ id }) => waiting.some((one) => one.id === id));
    expect(late.every(({ id }) => id === sentAlone?.id)).toBe(true);
  });

  test('says so when Redis was never there', async () => {
    await redis.kill();
    const early = new BullLaneProducer(options());
    const refused = { code: 'unavailable', reason: 'lane.unreachable' };
    await expect(early.start(never)).rejects.toMatchObject(refused);
    await expect(early.enqueue(node, item())).rejects.toMatchObject(refused);
    await early.stop();
  });

  test('does not run twice what Redis took without being able to say so', async () => {
    await using proxy = await startLossyProxy(redis.socketPath);
    const far = new BullLaneProducer({ ...options(), redis: { path: proxy.path } });
    await far.start(never);
    await far.enqueue(node, item());
    proxy.loseNextAnswer();
    const unsure = item();
    await expect(far.enqueue(node, unsure)).rejects.toMatchObject({ reason: 'lane.unreachable' });
    const last = item();
    await vi.waitFor(() => far.enqueue(node, last));
    await consumer.start(never);
    await laneIsEmpty();
    expect(taken.filter(({ id }) => id === unsure.id)).toHaveLength(1);
    expect(taken).toContainEqual(last);
    await far.stop();
  });

  test('drops what a worker was taking when it died', async () => {
    const { redis: connection, keyPrefix: prefix } = options();
    const dying = { connection, prefix, autorun: false, lockDuration: 1, stalledInterval: 1 };
    const worker = new Worker(`lane.${node}`, null, dying);
    await producer.enqueue(node, item());
    await worker.getNextJob('token');
    await worker.startStalledCheckTimer();
    const queue = new Queue(`lane.${node}`, { connection, prefix });
    await vi.waitFor(async () => expect(await queue.getWaitingCount()).toBe(1)); // it is back
    await Promise.all([worker.close(true), queue.close()]);
    const next = item();
    await producer.enqueue(node, next);
    await consumer.start(never);
    await laneIsEmpty();
    expect(taken).toEqual([next]);
  });

  test('drops a job that no gateway wrote, and serves on', async () => {
    await consumer.start(never);
    const { redis: connection, keyPrefix: prefix } = options();
    const queue = new Queue(`lane.${node}`, { connection, prefix });
    await queue.add('batch', { items: [{ id: 'of another version' }] });
    await queue.add('batch', null);
    await queue.close();
    const next = item();
    await producer.enqueue(node, next);
    await vi.waitFor(() => expect(taken).toEqual([next]));
    await laneIsEmpty();
  });

  test('lets its worker stop while Redis is gone', async () => {
    await consumer.start(never);
    await redis.kill();
    await consumer.stop(AbortSignal.timeout(50));
  });
});

/** Stands between a client and Redis, and can break off when Redis answers. */
async function startLossyProxy(redisPath: string) {
  const path = join(dirname(redisPath), 'proxy.sock');
  let isLossy = false;
  const server = createServer((client) => {
    const upstream = connect(redisPath);
    client.pipe(upstream).on('data', (answer: Buffer) => {
      if (!isLossy) return void client.write(answer);
      isLossy = false;
      client.destroy();
    });
    for (const socket of [client, upstream]) socket.on('error', () => {});
    client.once('close', () => upstream.destroy());
  }).listen(path);
  await once(server, 'listening');
  return {
    path,
    loseNextAnswer: () => {
      isLossy = true;
    },
    [Symbol.asyncDispose]: async () => void server.close(),
  };
}
