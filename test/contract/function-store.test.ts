import { afterAll, beforeAll, describe } from 'vitest';
import type { FunctionRecord } from '../../src/domain/function.ts';
import { RedisRecordStore } from '../../src/orchestration/redis-record-store.ts';
import { MemoryRecordStore } from '../support/memory-record-store.ts';
import { startRedis, type RunningRedis } from '../support/redis.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { functionStoreContract } from './function-store.ts';

functionStoreContract('MemoryRecordStore', async () => ({
  store: new MemoryRecordStore<FunctionRecord>(),
  close: async () => {},
}));

describe('on a real Redis', () => {
  let redis: RunningRedis;
  let stores = 0;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  functionStoreContract('RedisRecordStore', async () => {
    stores += 1;
    const store = new RedisRecordStore<FunctionRecord>({
      kind: 'functions',
      redis: { path: redis.socketPath },
      keyPrefix: `test${stores}:`,
      logger: silentLogger,
    });
    await store.start(AbortSignal.timeout(30_000));
    return { store, close: () => store.stop() };
  });
});
