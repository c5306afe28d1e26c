import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Queue } from 'bullmq';
import type { LaneItem } from '../../src/domain/lane.ts';
import { encodeLaneItem } from '../../src/queue/lane-item-codec.ts';
import { BullLaneProducer } from '../../src/queue/lane-producer.ts';
import { ReplyServer } from '../../src/replies/reply-server.ts';
import { startRedis } from '../support/redis.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { closedLoop, type Samples } from './samples.ts';

type Send = (item: LaneItem) => Promise<unknown>;

const keyPrefix = 'bench';
const node = 'node-1';
const plainQueue = 'plain';
const workerFile = fileURLToPath(new URL('lane-worker.ts', import.meta.url));

/**
 * A tiny invocation to a worker process and back, without a sandbox: over the lane, beside plain
 * BullMQ with a job for each request. Both go to the same process and answer over the same link.
 */
export async function run(): Promise<readonly (readonly [name: string, samples: Samples])[]> {
  await using cleanUp = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'hearth-bench-'));
  cleanUp.defer(() => rm(dir, { recursive: true }));
  const redis = await startRedis();
  cleanUp.defer(() => redis.stop());
  const connection = { path: redis.socketPath };

  const replies = new ReplyServer({ listen: `unix:${join(dir, 'r.sock')}`, logger: silentLogger });
  await replies.start();
  cleanUp.defer(() => replies.stop());
  const worker = fork(workerFile, [redis.socketPath, keyPrefix, node, plainQueue]);
  cleanUp.defer(async () => {
    const exited = once(worker, 'exit');
    worker.disconnect();
    await exited;
  });
  await once(worker, 'message', { signal: AbortSignal.timeout(10_000) });

  const lane = new BullLaneProducer({ redis: connection, keyPrefix, logger: silentLogger });
  await lane.start(AbortSignal.timeout(5_000));
  cleanUp.defer(() => lane.stop());
  const plain = new Queue(plainQueue, {
    connection,
    prefix: keyPrefix,
    defaultJobOptions: { removeOnComplete: true },
  });
  cleanUp.defer(() => plain.close());

  const overLane: Send = (item) => lane.enqueue(node, item);
  const oneByOne: Send = (item) => plain.add('one', encodeLaneItem(item));
  const rows: [string, Samples][] = [];
  for (const callers of [1, 8, 64]) {
    rows.push(
      [`a job a request, ${callers} callers`, await measured(replies, oneByOne, callers)],
      [`lane, ${callers} callers`, await measured(replies, overLane, callers)],
    );
  }
  return rows;
}

async function measured(replies: ReplyServer, send: Send, callers: number): Promise<Samples> {
  const calls = callers * 500 + 3_000;
  await closedLoop({ callers, calls: calls / 3 }, () => call(replies, send)); // warm up
  return closedLoop({ callers, calls }, () => call(replies, send));
}

function call(replies: ReplyServer, send: Send): Promise<void> {
  return new Promise((resolve, reject) => {
    const item = newItem(replies.address);
    replies.expect(item.id, node, undefined, {
      onHead() {},
      onChunk() {},
      onEnd: (result) => (result instanceof Error ? reject(result) : resolve()),
    });
    send(item).catch(reject);
  });
}

function newItem(replyTo: string): LaneItem {
  const acceptedMs = Date.now();
  return {
    id: randomUUID(),
    functionName: 'hello',
    version: `sha256:${'0'.repeat(64)}`,
    head: { trigger: 'http', method: 'GET', url: '/', headers: [], sourceIp: '127.0.0.1' },
    body: Buffer.from('hello'),
    acceptedMs,
    deadlineMs: acceptedMs + 30_000,
    replyTo,
  };
}
