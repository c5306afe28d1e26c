import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { IdleFreezer } from '../../../src/containers/idle-freezer.ts';
import { SandboxPool } from '../../../src/containers/pool.ts';
import type { SandboxLease } from '../../../src/domain/pool.ts';
import type { PreparedVersion } from '../../../src/domain/version.ts';
import { FakeSandboxFactory, fakeVersion } from '../../support/fake-sandbox.ts';

const never = new AbortController().signal;
let factory: FakeSandboxFactory;
let pool: SandboxPool;
let freezer: IdleFreezer;

function makePool(memoryBytes = 1000): SandboxPool {
  return new SandboxPool({ factory, freezer, memoryBytes, facts: { publish: () => {} } });
}

beforeEach(() => {
  factory = new FakeSandboxFactory();
  freezer = new IdleFreezer();
  pool = makePool();
});
afterEach(() => vi.useRealTimers());

async function leaseOf(version: PreparedVersion): Promise<SandboxLease> {
  const { lease } = await pool.lease(version, never);
  if (!lease) throw new Error('the lease failed');
  return lease;
}

/** A lease of a new sandbox. */
async function coldLease(version: PreparedVersion): Promise<SandboxLease> {
  const lease = leaseOf(version);
  factory.finish();
  return await lease;
}

describe('the pool', () => {
  test('makes a sandbox for the first, and lends it warm to the next', async () => {
    const version = fakeVersion();
    const cold = await coldLease(version);
    expect(cold.start).toBe('cold');
    expect(cold.timings).toEqual({ init: 5 });
    cold[Symbol.dispose]();
    const warm = await leaseOf(version);
    expect(warm.sandbox).toBe(cold.sandbox);
    expect(warm.start).toBe('warm');
    expect(warm.timings).toEqual({});
  });

  test('lends the most recently used, so that the others can grow old', async () => {
    const version = fakeVersion();
    const first = await coldLease(version);
    const second = await coldLease(version);
    second[Symbol.dispose]();
    first[Symbol.dispose]();
    expect((await leaseOf(version)).sandbox).toBe(first.sandbox);
  });

  test('never lends a sandbox to two, unless the function takes several at once', async () => {
    const alone = fakeVersion();
    const one = await coldLease(alone);
    expect((await coldLease(alone)).sandbox).not.toBe(one.sandbox);
    const shared = fakeVersion({ concurrency: 2 });
    const two = await coldLease(shared);
    expect((await leaseOf(shared)).sandbox).toBe(two.sandbox);
    const third = leaseOf(shared);
    expect(factory.pending).toBe(1);
    factory.finish();
    expect((await third).sandbox).not.toBe(two.sandbox);
  });

  test('makes no more sandboxes than the waiters need, where one serves several', async () => {
    const shared = fakeVersion({ concurrency: 10 });
    const leases = Array.from({ length: 25 }, () => leaseOf(shared));
    expect(factory.pending).toBe(3);
    for (let i = 0; i < 3; i++) factory.finish();
    await Promise.all(leases);
    expect(factory.pending).toBe(0);
  });

  test('never has more than max sandboxes, counting those being made; waiters are served in order', async () => {
    const version = fakeVersion({ scaling: { max: 2, keepWarmMs: 1000 } });
    const order: number[] = [];
    const leases = [0, 1, 2, 3].map(async (i) => {
      const lease = await leaseOf(version);
      order.push(i);
      return lease;
    });
    expect(factory.pending).toBe(2);
    factory.finish();
    factory.finish();
    (await leases[0])?.[Symbol.dispose]();
    (await leases[1])?.[Symbol.dispose]();
    await Promise.all(leases);
    expect(order).toEqual([0, 1, 2, 3]);
    expect(factory.made).toHaveLength(2);
    expect(factory.pending).toBe(0);
  });

  test('makes no sandbox for one who got a warm one meanwhile, but keeps what was made', async () => {
    const version = fakeVersion();
    const first = await coldLease(version);
    const second = leaseOf(version);
    first[Symbol.dispose]();
    expect((await second).sandbox).toBe(first.sandbox);
    const made = factory.finish();
    const third = await leaseOf(version);
    expect(third.sandbox).toBe(made);
  });

  test('evicts the longest idle of other functions when memory is needed', async () => {
    vi.useFakeTimers();
    pool = makePool(200);
    const [a, b, c] = [fakeVersion(), fakeVersion(), fakeVersion()];
    const oldest = await coldLease(a);
    oldest[Symbol.dispose]();
    vi.advanceTimersByTime(10);
    const newer = await coldLease(b);
    newer[Symbol.dispose]();
    const wanted = leaseOf(c);
    await oldest.sandbox.gone;
    await vi.waitFor(() => expect(factory.pending).toBe(1));
    factory.finish();
    await wanted;
    expect(oldest.sandbox.destroyed).toBe('evicted');
    expect(newer.sandbox.destroyed).toBeUndefined();
  });

  test('waits for memory that busy sandboxes have', async () => {
    pool = makePool(100);
    const busy = await coldLease(fakeVersion());
    const wanted = leaseOf(fakeVersion());
    expect(factory.pending).toBe(0);
    busy[Symbol.dispose]();
    await vi.waitFor(() => expect(factory.pending).toBe(1));
    factory.finish();
    await wanted;
  });

  test('refuses at once what can never fit', async () => {
    await expect(leaseOf(fakeVersion({ memoryBytes: 1001 }))).rejects.toMatchObject({
      reason: 'pool.too_large',
    });
  });

  test('tells the first waiter how loading failed, and tries again for the next', async () => {
    const version = fakeVersion({ scaling: { max: 1, keepWarmMs: 1000 } });
    const first = pool.lease(version, never);
    const second = pool.lease(version, never);
    factory.fail({ kind: 'crashed', exitCode: 1 });
    expect(await first).toMatchObject({ failure: { kind: 'crashed' } });
    await vi.waitFor(() => expect(factory.pending).toBe(1));
    factory.finish();
    expect((await second).lease).toBeDefined();
  });

  test('tells the first waiter how the host failed, and gives the memory back', async () => {
    pool = makePool(100);
    const first = pool.lease(fakeVersion(), never);
    factory.breakDown(new Error('no more of something'));
    await expect(first).rejects.toThrow('no more of something');
    const next = leaseOf(fakeVersion());
    await vi.waitFor(() => expect(factory.pending).toBe(1));
    factory.finish();
    await next;
  });

  test('forgets a waiter that left', async () => {
    const version = fakeVersion({ scaling: { max: 1, keepWarmMs: 1000 } });
    const busy = await coldLease(version);
    const leaving = new AbortController();
    const left = pool.lease(version, leaving.signal);
    const stays = leaseOf(version);
    leaving.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    busy[Symbol.dispose]();
    expect((await stays).sandbox).toBe(busy.sandbox);
  });

  test('never lends a dead sandbox', async () => {
    const version = fakeVersion();
    const first = await coldLease(version);
    first[Symbol.dispose]();
    await first.sandbox.destroy('crashed');
    expect((await coldLease(version)).sandbox).not.toBe(first.sandbox);
  });

  test('destroys after one invocation where a fresh sandbox is promised for each', async () => {
    const version = fakeVersion({ isolation: 'invocation' });
    const first = await coldLease(version);
    first[Symbol.dispose]();
    expect(first.sandbox.destroyed).toBe('spent');
    expect((await coldLease(version)).start).toBe('cold');
  });

  test('destroys what was idle for its keep-warm time', async () => {
    vi.useFakeTimers();
    const version = fakeVersion({ scaling: { max: 5, keepWarmMs: 3000 } });
    await pool.start();
    const lease = await coldLease(version);
    vi.advanceTimersByTime(10_000);
    expect(lease.sandbox.destroyed).toBeUndefined();
    lease[Symbol.dispose]();
    vi.advanceTimersByTime(2000);
    expect(lease.sandbox.destroyed).toBeUndefined();
    vi.advanceTimersByTime(2000);
    expect(lease.sandbox.destroyed).toBe('idle');
    await pool.stop();
  });

  test('freezes what nobody uses, and thaws it for the next', async () => {
    vi.useFakeTimers();
    await freezer.start();
    const version = fakeVersion();
    const first = await coldLease(version);
    const [sandbox] = factory.made;
    vi.advanceTimersByTime(1000);
    expect(sandbox?.isFrozen).toBe(false);
    first[Symbol.dispose]();
    const second = await leaseOf(version);
    expect(second.start).toBe('warm');
    second[Symbol.dispose]();
    vi.advanceTimersByTime(40);
    expect(sandbox?.isFrozen).toBe(false);
    vi.advanceTimersByTime(60);
    expect(sandbox?.isFrozen).toBe(true);
    expect((await leaseOf(version)).start).toBe('thawed');
    expect(sandbox?.isFrozen).toBe(false);
    await freezer.stop();
  });

  test('destroys all at the stop and sends the waiters away', async () => {
    const version = fakeVersion({ scaling: { max: 1, keepWarmMs: 1000 } });
    const busy = await coldLease(version);
    const waiting = leaseOf(version);
    await Promise.all([
      expect(waiting).rejects.toMatchObject({ code: 'unavailable', retryAfterMs: 1000 }),
      pool.stop(),
    ]);
    expect(busy.sandbox.destroyed).toBe('shutdown');
    await expect(leaseOf(version)).rejects.toMatchObject({ reason: 'worker.stopping' });
  });
});
