import { Queue } from 'bullmq';
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
    const { redis: connection, keyPrefix: prefix } = options();
    const queue = new Queue(`lane.${node}`, { connection, prefix });
    await vi.waitFor(async () => {
      const counts = await queue.getJobCounts();
      expect(Object.values(counts).every((count) => count === 0)).toBe(true);
    });
    await queue.close();
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
      reason: 'lane.unreachable',
    });
    await redis.restart();
    await vi.waitFor(() => producer.enqueue(node, item()), 15_000);
    await vi.waitFor(() => expect(taken.length).toBeGreaterThanOrEqual(2), 15_000);
  });
});
