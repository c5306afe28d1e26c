import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { HostError } from '../../src/domain/errors.ts';
import type { Limited, UsageLimits } from '../../src/domain/quota.ts';
import { RedisQuotas } from '../../src/security/redis-quotas.ts';
import { startRedis, type RunningRedis } from '../support/redis.ts';
import { RunningGateway } from '../support/running-gateway.ts';
import { silentLogger } from '../support/silent-logger.ts';

let redis: RunningRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

const started: RedisQuotas[] = [];
/** As one gateway has them. */
async function newQuotas(): Promise<RedisQuotas> {
  const at = { redis: { path: redis.socketPath }, keyPrefix: 'test', logger: silentLogger };
  const quotas = new RedisQuotas(at);
  await quotas.start(AbortSignal.timeout(30_000));
  started.push(quotas);
  return quotas;
}
afterEach(async () => {
  await Promise.all(started.splice(0).map((quotas) => quotas.stop()));
});

let keyNumber = 0;
const keyWith = (limits: UsageLimits): Limited => ({ id: `k${keyNumber++}`, scopes: [], limits });
const minute = 60_000;

describe('a rate', () => {
  test('holds exactly for all gateways together, and says when there is more', async () => {
    const gateways = await Promise.all([newQuotas(), newQuotas()]);
    const key = keyWith({ rate: { count: 20, perMs: 3_600_000 } });
    const asked = Array.from({ length: 50 }, (_, i) =>
      (gateways[i % 2] as RedisQuotas).take(key, minute),
    );
    const results = await Promise.allSettled(asked);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(20);
    const refused = results.find((result) => result.status === 'rejected');
    if (!refused) throw new Error('nobody was refused');
    const { code, reason, retryAfterMs = 0 } = refused.reason as HostError;
    expect([code, reason]).toEqual(['throttled', 'quota.rate']);
    expect(retryAfterMs).toBeGreaterThan(170_000); // 3600 s / 20
    expect(retryAfterMs).toBeLessThanOrEqual(180_000);
  });

  test('is earned anew', async () => {
    const quotas = await newQuotas();
    const key = keyWith({ rate: { count: 1, perMs: 1_000 } });
    await quotas.take(key, minute);
    const before = performance.now();
    await vi.waitFor(() => quotas.take(key, minute), { timeout: 30_000, interval: 20 });
    expect(performance.now() - before).toBeGreaterThan(900);
  });
});

describe('a concurrency', () => {
  test('holds for all gateways together; what has ended makes room', async () => {
    const gateways = await Promise.all([newQuotas(), newQuotas()]);
    const key = keyWith({ concurrency: 3, rate: { count: 6, perMs: 3_600_000 } });
    const take = (i: number) => (gateways[i % 2] as RedisQuotas).take(key, minute);
    const results = await Promise.allSettled(Array.from({ length: 10 }, (_, i) => take(i)));
    const leases = results.flatMap((result) =>
      result.status === 'fulfilled' ? [result.value] : [],
    );
    expect(leases).toHaveLength(3);
    const refusal = { code: 'throttled', reason: 'quota.concurrency', retryAfterMs: 1_000 };
    expect(results.find(({ status }) => status === 'rejected')).toMatchObject({ reason: refusal });
    for (const lease of leases) lease[Symbol.dispose]();
    await vi.waitFor(() => take(0)); // the refused ones have cost nothing of the rate
    await take(1);
    await take(0);
    await expect(take(1)).rejects.toMatchObject({ reason: 'quota.concurrency' });
  });

  test('does not count for ever what a gateway had under way that died', async () => {
    const quotas = await newQuotas();
    const key = keyWith({ concurrency: 1 });
    await quotas.take(key, 300);
    await expect(quotas.take(key, minute)).rejects.toMatchObject({ reason: 'quota.concurrency' });
    await vi.waitFor(() => quotas.take(key, minute), { timeout: 30_000, interval: 20 });
  });
});

describe('a key with limits', () => {
  let running: RunningGateway;
  beforeEach(async () => {
    running = await RunningGateway.start();
    running.quotas = await newQuotas();
    await running.addFunction('hello', { http: { auth: 'key', methods: [] } });
  });
  afterEach(() => running[Symbol.asyncDispose]());

  async function keyFor(limits: UsageLimits) {
    const scopes = [{ action: 'admin', pattern: '*' }] as const;
    const { record, secret } = await running.keys.create(
      `ci${keyNumber++}`,
      scopes,
      undefined,
      limits,
    );
    return { headers: { authorization: `Bearer ${record.name}:${secret}` } };
  }

  test('is answered 429 with Retry-After once it has made its requests, of whatever kind', async () => {
    const key = await keyFor({ rate: { count: 3, perMs: 3_600_000 } });
    expect((await running.send('GET', '/fn/hello', key)).status).toBe(200);
    expect((await running.send('GET', '/v1/functions', key)).status).toBe(200);
    expect((await running.send('POST', '/v1/functions/hello/invocations', key)).status).toBe(200);
    for (const path of ['/fn/hello', '/v1/functions']) {
      const refused = await running.send('GET', path, key);
      expect(refused.status).toBe(429);
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(1_000);
      expect(JSON.parse(refused.text)).toMatchObject({ code: 'throttled', reason: 'quota.rate' });
    }
  });

  test('has room again when an answer is over', async () => {
    const key = await keyFor({ concurrency: 1 });
    running.worker.script = () => {};
    const first = running.send('GET', '/fn/hello', key);
    await vi.waitFor(() => running.worker.last, { timeout: 10_000 });
    expect((await running.send('GET', '/fn/hello', key)).status).toBe(429);
    running.worker.last.answer('hello');
    expect((await first).status).toBe(200);
    running.worker.script = (invocation) => invocation.answer('hello');
    await vi.waitFor(async () =>
      expect((await running.send('GET', '/fn/hello', key)).status).toBe(200),
    );
  });
});
