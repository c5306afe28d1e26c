import { Worker } from 'bullmq';
import type { LaneItem } from '../../src/domain/lane.ts';
import { BullLaneConsumer } from '../../src/queue/lane-consumer.ts';
import { decodeLaneItem, type EncodedLaneItem } from '../../src/queue/lane-item-codec.ts';
import { ReplyClient } from '../../src/replies/reply-client.ts';
import { silentLogger } from '../support/silent-logger.ts';

/** The worker's process of the lane bench: answers whatever comes, from the lane or one by one. */
const [path = '', keyPrefix = '', node = '', plainQueue = ''] = process.argv.slice(2);
const redis = { path };
const replies = new ReplyClient({ node, logger: silentLogger });
const info = { node, start: 'warm', timings: {} } as const;
const body = Buffer.from('hello');

function answer({ replyTo, id }: LaneItem): void {
  const stream = replies.open(replyTo, id);
  stream.head({ status: 200, headers: [] }, info);
  stream.chunk(body);
  stream.end({ kind: 'ok' }, info);
}

const consumer = new BullLaneConsumer({
  redis,
  keyPrefix,
  logger: silentLogger,
  node,
  handler: (items) => items.forEach(answer),
});
await consumer.start(AbortSignal.timeout(5_000));

/** The limit to compare with: BullMQ as it is mostly used, a job for each request. */
const plain = new Worker<EncodedLaneItem>(
  plainQueue,
  async ({ data }) => answer(decodeLaneItem(data)),
  { connection: redis, prefix: keyPrefix, concurrency: 64, removeOnComplete: { count: 0 } },
);
await plain.waitUntilReady();
process.send?.('ready');

process.once('disconnect', () => process.exit()); // the bench is over, or died
