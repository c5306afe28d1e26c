import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { VolumeLeaseMode } from '../../src/domain/volume.ts';
import { VolumeLeases } from '../../src/volumes/volume-leases.ts';
import { startRedis, type RunningRedis } from '../support/redis.ts';
import { silentLogger } from '../support/silent-logger.ts';

let redis: RunningRedis;
let prefixes = 0;
let opened: VolumeLeases[];
let one: VolumeLeases;
let other: VolumeLeases;

const soon = { timeout: 15_000, interval: 5 };
const times = { ttlMs: 60_000, lookMs: 10 };

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  prefixes += 1;
  opened = [];
  [one, other] = [await node('one'), await node('other')];
});
afterEach(async () => {
  for (const leases of opened) await leases.stop();
});

async function node(id: string, ttlMs = times.ttlMs): Promise<VolumeLeases> {
  const leases = new VolumeLeases({
    redis: { path: redis.socketPath },
    keyPrefix: `test${prefixes}`,
    logger: silentLogger,
    node: id,
    times: { ...times, ttlMs },
  });
  await leases.start(AbortSignal.timeout(30_000));
  opened.push(leases);
  return leases;
}

const wish = (mode: VolumeLeaseMode, waitMs = 0) => ({ volume: 'data', mode, waitMs });

describe('leases of a volume', () => {
  const together: [VolumeLeaseMode, VolumeLeaseMode, boolean][] = [
    ['read', 'read', true],
    ['read', 'shared', true],
    ['read', 'single', true],
    ['read', 'alone', false],
    ['shared', 'shared', true],
    ['shared', 'single', false],
    ['shared', 'alone', false],
    ['single', 'single', false],
    ['single', 'alone', false],
    ['alone', 'alone', false],
  ];

  test.each(together)('for %s and for %s on two nodes go together: %s', async (a, b, fits) => {
    for (const [first, second] of [
      [a, b],
      [b, a],
    ] as const) {
      const held = await one.acquire(wish(first));
      const asked = other.acquire(wish(second));
      if (fits) await (await asked)[Symbol.asyncDispose]();
      else await expect(asked).rejects.toMatchObject({ reason: 'volume.in_use' });
      await held[Symbol.asyncDispose]();
    }
  });

  test('ask those in the way to give way, and are had when they do', async () => {
    const held = await one.acquire(wish('single'));
    held.wanted.addEventListener('abort', () => void held[Symbol.asyncDispose]());
    const next = await other.acquire(wish('single', 10_000));
    expect(next.epoch).toBeGreaterThan(held.epoch);
    expect(held.lost.aborted).toBe(false);
  });

  test('are taken by force, but only once the holder has let go', async () => {
    const held = await one.acquire({ ...wish('shared'), holder: 'sandbox-1' });
    const taken = other.acquire({ ...wish('alone', 10_000), force: true });
    await vi.waitFor(() => expect(held.lost.aborted).toBe(true), soon);
    expect(await one.holders('data')).toEqual([
      { holder: 'sandbox-1', node: 'one', mode: 'shared' },
    ]);
    await held[Symbol.asyncDispose]();
    await taken;
    expect(await one.holders('data')).toMatchObject([{ node: 'other', mode: 'alone' }]);
  });

  test('end by themselves when their node is gone, and a late one is lost', async () => {
    const short = await node('short', 300);
    const held = await short.acquire(wish('single'));
    await short.stop(); // it renews no more
    const next = await other.acquire(wish('single', 10_000));
    await held[Symbol.asyncDispose](); // late: it must not take the new one along
    expect(await other.holders('data')).toMatchObject([{ node: 'other', mode: 'single' }]);
    expect(next.epoch).toBeGreaterThan(held.epoch);
  });

  test('are renewed for as long as their node lives', async () => {
    const short = await node('short', 2_000);
    const held = await short.acquire(wish('single'));
    await expect(other.acquire(wish('single', 3_000))).rejects.toMatchObject({ code: 'conflict' });
    expect(held.lost.aborted).toBe(false);
  });

  test('are lost when Redis is silent, before they end there', async () => {
    const own = await startRedis();
    const leases = new VolumeLeases({
      redis: { path: own.socketPath },
      keyPrefix: 'lost',
      logger: silentLogger,
      node: 'one',
      times: { ttlMs: 300, lookMs: 10 },
    });
    await leases.start(AbortSignal.timeout(30_000));
    const held = await leases.acquire(wish('single'));
    await own.kill();
    await vi.waitFor(() => expect(held.lost.aborted).toBe(true), soon);
    await leases.stop();
    await own.stop();
  });

  test('of a worker that was killed are released at its next start, and no other ones', async () => {
    await one.acquire(wish('shared'));
    await other.acquire(wish('shared'));
    await one.releaseLeftovers('data');
    expect(await other.holders('data')).toMatchObject([{ node: 'other' }]);
  });
});
