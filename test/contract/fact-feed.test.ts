import { afterAll, beforeAll, describe } from 'vitest';
import { FactBus } from '../../src/events/fact-bus.ts';
import { FactRelay } from '../../src/events/fact-relay.ts';
import { FactStream } from '../../src/events/fact-stream.ts';
import { MemoryFactFeed } from '../support/memory-fact-feed.ts';
import { startRedis, type RunningRedis } from '../support/redis.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { factFeedContract } from './fact-feed.ts';

describe('in memory', () => {
  factFeedContract(async () => {
    const feed = new MemoryFactFeed();
    const publish = (facts: readonly Parameters<typeof feed.publish>[0][]) => {
      for (const fact of facts) feed.publish(fact);
    };
    return { feed, publish, [Symbol.asyncDispose]: async () => {} };
  });
});

describe('a Redis stream', () => {
  let redis: RunningRedis;
  let runs = 0;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  factFeedContract(async () => {
    runs += 1;
    const keyPrefix = `run${runs}:`;
    const options = { redis: { path: redis.socketPath }, keyPrefix, logger: silentLogger };
    const bus = new FactBus({ now: () => 1 });
    const relay = new FactRelay({ ...options, bus, source: 'test' });
    const feed = new FactStream(options);
    await feed.start(AbortSignal.timeout(30_000));
    await relay.start(AbortSignal.timeout(30_000));
    return {
      feed,
      publish: (facts) => {
        for (const { type, data } of facts) bus.publish(type, data);
      },
      [Symbol.asyncDispose]: async () => {
        await relay.stop(AbortSignal.timeout(1_000));
        await feed.stop();
      },
    };
  });
});
