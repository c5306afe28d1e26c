import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { IdleFreezer } from '../../../src/containers/pool/idle-freezer.ts';
import { SandboxPool } from '../../../src/containers/pool/sandbox-pool.ts';
import { Tokens } from '../../../src/containers/pool/tokens.ts';
import type { SandboxLease } from '../../../src/domain/pool.ts';
import type { PreparedVersion } from '../../../src/domain/version.ts';
import { FakeSandboxFactory, fakeVersion } from '../../support/fake-sandbox.ts';

const never = new AbortController().signal;
let factory: FakeSandboxFactory;
let pool: SandboxPool;
let freezer: IdleFreezer;
let memory: Tokens;
let cpu: Tokens;
let yielded: number[];

function makePool(memoryBytes = 1000, processors = 1000): SandboxPool {
  memory = new Tokens(memoryBytes);
  cpu = new Tokens(processors);
  const facts = { publish: () => {} };
  const yieldStems = async (bytes: number) => {
    yielded.push(bytes);
    return 0;
  };
  return new SandboxPool({ factory, freezer, memory, cpu, yieldStems, facts });
}

beforeEach(() => {
  factory = new FakeSandboxFactory();
  freezer = new IdleFreezer();
  yielded = [];
  pool = makePool();
});
afterEach(() => vi.useRealTimers());

async function leaseOf(version: PreparedVersion, caller?: string): Promise<SandboxLease> {
  const { lease } = await pool.lease(version, caller, never);
  if (!lease) throw new Error('the lease failed');
  return lease;
}

/** A lease of a new sandbox. */
async function coldLease(version: PreparedVersion, caller?: string): Promise<SandboxLease> {
  const lease = leaseOf(version, caller);
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
    const version = fakeVersion({ scaling: { min: 0, max: 2, keepWarmMs: 1000 } });
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
    const version = fakeVersion({ scaling: { min: 0, max: 1, keepWarmMs: 1000 } });
    const first = pool.lease(version, undefined, never);
    const second = pool.lease(version, undefined, never);
    factory.fail({ kind: 'crashed', exitCode: 1 });
    expect(await first).toMatchObject({ failure: { kind: 'crashed' } });
    await vi.waitFor(() => expect(factory.pending).toBe(1));
    factory.finish();
    expect((await second).lease).toBeDefined();
  });

  test('tells the first waiter how the host failed, and gives the memory back', async () => {
    pool = makePool(100);
    const first = pool.lease(fakeVersion(), undefined, never);
    factory.breakDown(new Error('no more of something'));
    await expect(first).rejects.toThrow('no more of something');
    const next = leaseOf(fakeVersion());
    await vi.waitFor(() => expect(factory.pending).toBe(1));
    factory.finish();
    await next;
  });

  test('forgets a waiter that left', async () => {
    const version = fakeVersion({ scaling: { min: 0, max: 1, keepWarmMs: 1000 } });
    const busy = await coldLease(version);
    const leaving = new AbortController();
    const left = pool.lease(version, undefined, leaving.signal);
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
    const version = fakeVersion({ scaling: { min: 0, max: 5, keepWarmMs: 3000 } });
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
    const version = fakeVersion({ scaling: { min: 0, max: 1, keepWarmMs: 1000 } });
    const busy = await coldLease(version);
    const waiting = leaseOf(version);
    await Promise.all([
      expect(waiting).rejects.toMatchObject({ code: 'unavailable', retryAfterMs: 1000 }),
      pool.stop(),
    ]);
    expect(busy.sandbox.destroyed).toBe('shutdown');
    await expect(leaseOf(version)).rejects.toMatchObject({ reason: 'worker.stopping' });
  });

  test('never has more than its max in a burst, and starts no more', async () => {
    const version = fakeVersion({ memoryBytes: 1, scaling: { min: 0, max: 5 } });
    const answered = Array.from({ length: 100 }, async () => {
      const lease = await leaseOf(version);
      await Promise.resolve();
      lease[Symbol.dispose]();
    });
    expect(factory.pending).toBe(5);
    for (let i = 0; i < 5; i++) factory.finish();
    await Promise.all(answered);
    expect(factory.made).toHaveLength(5);
    expect(factory.pending).toBe(0);
  });

  test('sends away who would wait behind thousands', async () => {
    const version = fakeVersion({ scaling: { min: 0, max: 1 } });
    const leases = Array.from({ length: 5001 }, () => pool.lease(version, undefined, never));
    await expect(leases.at(-1)).rejects.toMatchObject({ code: 'throttled', retryAfterMs: 1000 });
    const settled = Promise.allSettled(leases);
    factory.breakDown(new Error('enough'));
    await Promise.all([settled, pool.stop()]);
  });
});

describe('what an invocation left behind', () => {
  test('is removed before the sandbox is lent again, and it stands still until then', async () => {
    const version = fakeVersion({ scaling: { min: 0, max: 1 } });
    const first = await coldLease(version);
    const [sandbox] = factory.made;
    const tidying = Promise.withResolvers<boolean>();
    sandbox!.isDirty = true;
    sandbox!.tidied = tidying.promise;
    first[Symbol.dispose]();
    let isLent = false;
    const second = leaseOf(version).finally(() => (isLent = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isLent).toBe(false);
    tidying.resolve(true);
    expect((await second).start).toBe('thawed');
    expect(sandbox?.isFrozen).toBe(false);
  });

  test('and cannot be removed, costs the sandbox its life', async () => {
    const version = fakeVersion({ scaling: { min: 0, max: 1 } });
    const first = await coldLease(version);
    const [sandbox] = factory.made;
    sandbox!.isDirty = true;
    sandbox!.tidied = Promise.resolve(false);
    first[Symbol.dispose]();
    const second = leaseOf(version);
    expect(await sandbox!.gone).toBe('retired');
    await vi.waitFor(() => expect(factory.pending).toBe(1));
    factory.finish();
    expect((await second).sandbox).not.toBe(sandbox);
  });

  test('shows also when it came after the answer: once the sandbox is frozen', async () => {
    vi.useFakeTimers();
    await freezer.start();
    const version = fakeVersion();
    const lease = await coldLease(version);
    lease[Symbol.dispose]();
    const [sandbox] = factory.made;
    sandbox!.isDirty = true;
    await vi.advanceTimersByTimeAsync(200);
    expect(sandbox?.isDirty).toBe(false);
    expect((await leaseOf(version)).start).toBe('thawed');
    await freezer.stop();
  });

  test('shows also when it came after the answer and the next caller is already there', async () => {
    const version = fakeVersion({ scaling: { min: 0, max: 1 } });
    const first = await coldLease(version);
    first[Symbol.dispose]();
    const [sandbox] = factory.made;
    sandbox!.isDirty = true;
    const second = await leaseOf(version);
    expect(second.sandbox).toBe(sandbox);
    expect(sandbox?.isDirty).toBe(false);
    expect(sandbox?.isFrozen).toBe(false);
  });

  test('is not looked for while another invocation runs there', async () => {
    const version = fakeVersion({ concurrency: 2 });
    const one = await coldLease(version);
    const two = await leaseOf(version);
    const [sandbox] = factory.made;
    sandbox!.isDirty = true;
    one[Symbol.dispose]();
    expect(sandbox?.isFrozen).toBe(false);
    two[Symbol.dispose]();
    expect(sandbox?.isFrozen).toBe(true);
  });

  test('grows, and the sandbox is discarded once it is idle', async () => {
    vi.useFakeTimers();
    await freezer.start();
    const lease = await coldLease(fakeVersion());
    const [sandbox] = factory.made;
    sandbox!.held = { memoryBytes: 10, descriptors: 900 };
    lease[Symbol.dispose]();
    await vi.advanceTimersByTimeAsync(200);
    expect(sandbox?.destroyed).toBe('retired');
    await freezer.stop();
  });
});

describe('a function that keeps callers apart', () => {
  const version = () => fakeVersion({ isolation: 'tenant', scaling: { min: 0, max: 2 } });

  test('never lends the sandbox of one to another', async () => {
    const tenant = version();
    const hers = await coldLease(tenant, 'ada');
    hers[Symbol.dispose]();
    expect((await coldLease(tenant, 'bob')).sandbox).not.toBe(hers.sandbox);
    const again = await leaseOf(tenant, 'ada');
    expect(again.sandbox).toBe(hers.sandbox);
    expect(again.start).toBe('warm');
  });

  test('has no more sandboxes for all of them than its max: an idle one makes way', async () => {
    const tenant = version();
    (await coldLease(tenant, 'ada'))[Symbol.dispose]();
    const busy = await coldLease(tenant, 'bob');
    const third = leaseOf(tenant, 'eve');
    expect(await factory.made[0]!.gone).toBe('evicted');
    await vi.waitFor(() => expect(factory.pending).toBe(1));
    factory.finish();
    expect((await third).sandbox).not.toBe(busy.sandbox);
  });

  test('serves in the order of waiting, not who calls more', async () => {
    const tenant = fakeVersion({ isolation: 'tenant', scaling: { min: 0, max: 1 } });
    const first = await coldLease(tenant, 'ada');
    const bob = leaseOf(tenant, 'bob');
    const ada = leaseOf(tenant, 'ada');
    first[Symbol.dispose]();
    await vi.waitFor(() => expect(factory.pending).toBe(1));
    factory.finish();
    const his = await bob;
    expect(his.sandbox).not.toBe(first.sandbox);
    his[Symbol.dispose]();
    await vi.waitFor(() => expect(factory.pending).toBe(1));
    factory.finish();
    await ada;
  });
});

describe('room', () => {
  test('is what a frozen sandbox holds, and all it may have once it runs again', async () => {
    vi.useFakeTimers();
    await freezer.start();
    pool = makePool(200);
    const version = fakeVersion();
    const first = await coldLease(version);
    first[Symbol.dispose]();
    expect(memory.free).toBe(100);
    await vi.advanceTimersByTimeAsync(200);
    expect(memory.free).toBe(190);
    await leaseOf(version);
    expect(memory.free).toBe(100);
    await freezer.stop();
  });

  test('is made for one that is to run again', async () => {
    vi.useFakeTimers();
    await freezer.start();
    pool = makePool(210);
    const versions = [fakeVersion(), fakeVersion(), fakeVersion()] as const;
    (await coldLease(versions[0]))[Symbol.dispose]();
    await vi.advanceTimersByTimeAsync(200);
    await coldLease(versions[1]);
    const other = await coldLease(versions[2]);
    other[Symbol.dispose]();
    const again = await leaseOf(versions[0]);
    expect(other.sandbox.destroyed).toBe('evicted');
    expect(again.start).toBe('thawed');
    await freezer.stop();
  });

  test('goes first to whom has waited longest, also if that needs more', async () => {
    pool = makePool(200);
    const busy = [await coldLease(fakeVersion()), await coldLease(fakeVersion())] as const;
    const large = leaseOf(fakeVersion({ name: 'large', memoryBytes: 200 }));
    const small = leaseOf(fakeVersion({ name: 'small' }));
    await busy[0].sandbox.destroy('crashed');
    busy[0][Symbol.dispose]();
    await new Promise((resolve) => setImmediate(resolve));
    expect(factory.pending).toBe(0);
    await busy[1].sandbox.destroy('crashed');
    busy[1][Symbol.dispose]();
    await vi.waitFor(() => expect(factory.pending).toBe(1));
    factory.finish();
    (await large)[Symbol.dispose]();
    await vi.waitFor(() => expect(factory.pending).toBe(1));
    factory.finish();
    await small;
  });

  test('is shared: who has little goes before who has much, in whatever queue', async () => {
    pool = makePool(400);
    const rich = fakeVersion({ name: 'rich' });
    const poor = fakeVersion({ name: 'poor' });
    const held = [];
    for (let i = 0; i < 4; i++) held.push(await coldLease(rich));
    const behind = Array.from({ length: 3 }, () => leaseOf(rich));
    const [first, second, third] = [leaseOf(poor), leaseOf(poor), leaseOf(poor)];
    held[0]![Symbol.dispose](); // 4 to 0: it gives its place
    await held[0]!.sandbox.gone;
    await vi.waitFor(() => expect(factory.pending).toBe(1));
    factory.finish();
    await first;
    held[1]![Symbol.dispose](); // 3 to 1: once more
    await held[1]!.sandbox.gone;
    await vi.waitFor(() => expect(factory.pending).toBe(1));
    factory.finish();
    await second;
    held[2]![Symbol.dispose](); // 2 to 2: it goes on with what it has
    expect((await behind[0]!).sandbox).toBe(held[2]!.sandbox);
    (await second)[Symbol.dispose]();
    expect((await third).sandbox).toBe((await second).sandbox);
  });

  test('is taken in turns by those that wait for it', async () => {
    pool = makePool(400);
    const busy = [];
    for (let i = 0; i < 4; i++) busy.push(await coldLease(fakeVersion({ name: `busy-${i}` })));
    const order: string[] = [];
    const wanted = ['a', 'b'].flatMap((name) => {
      const version = fakeVersion({ name });
      return [0, 1].map(async () => {
        await leaseOf(version);
        order.push(name);
      });
    });
    for (const lease of busy) {
      lease[Symbol.dispose]();
      await lease.sandbox.gone;
      await vi.waitFor(() => expect(factory.pending).toBe(1));
      factory.finish();
    }
    await Promise.all(wanted);
    expect(order).toEqual(['a', 'b', 'a', 'b']);
  });

  test('is not taken from what is kept ready for a function', async () => {
    pool = makePool(100);
    const kept = fakeVersion({ name: 'kept' });
    const ready = { version: kept, count: 1 };
    pool.reserve(new Map([['kept', { served: new Set([kept.digest]), ready }]]));
    const own = factory.finish();
    const first = await leaseOf(kept);
    const left = new AbortController();
    const other = pool.lease(fakeVersion({ name: 'other' }), undefined, left.signal);
    const second = leaseOf(kept);
    first[Symbol.dispose]();
    expect((await second).sandbox).toBe(own);
    left.abort(new Error('gone'));
    await expect(other).rejects.toThrow('gone');
  });

  test('is not cleared twice for one: who was told to go is waited for', async () => {
    pool = makePool(300);
    const idle = [];
    for (let i = 0; i < 3; i++) idle.push(await coldLease(fakeVersion()));
    for (const lease of idle) lease[Symbol.dispose]();
    const wanted = fakeVersion();
    const leases = [leaseOf(wanted), leaseOf(wanted)];
    await vi.waitFor(() => expect(factory.pending).toBe(2));
    factory.finish();
    factory.finish();
    await Promise.all(leases);
    expect(idle.filter(({ sandbox }) => sandbox.destroyed)).toHaveLength(2);
  });

  test('has processors too: who works has them, who is idle has not', async () => {
    pool = makePool(1000, 2);
    const version = fakeVersion();
    const busy = [await coldLease(version), await coldLease(version)] as const;
    const third = leaseOf(fakeVersion());
    expect(factory.pending).toBe(0);
    busy[0][Symbol.dispose]();
    await vi.waitFor(() => expect(factory.pending).toBe(1));
    factory.finish();
    (await third)[Symbol.dispose]();
    expect(cpu.free).toBe(1);
  });

  test('that nobody gives up is waited for some seconds, then the caller is to try again', async () => {
    vi.useFakeTimers();
    pool = makePool(100);
    await pool.start();
    await coldLease(fakeVersion());
    const refused = leaseOf(fakeVersion({ name: 'other' }));
    const caught = expect(refused).rejects.toMatchObject({
      reason: 'pool.exhausted',
      retryAfterMs: 2000,
    });
    await vi.advanceTimersByTimeAsync(12_000);
    await caught;
    expect(yielded.length).toBeGreaterThan(0); // stems were asked for theirs
    await pool.stop();
  });
});

describe('while nobody calls', () => {
  const reserve = (version: PreparedVersion, count: number) =>
    pool.reserve(
      new Map([
        [version.spec.name, { served: new Set([version.digest]), ready: { version, count } }],
      ]),
    );

  test('as many sandboxes as were asked for are made and kept', async () => {
    vi.useFakeTimers();
    await pool.start();
    const version = fakeVersion({ scaling: { min: 2, max: 5, keepWarmMs: 1000 } });
    reserve(version, 2);
    expect(factory.pending).toBe(2);
    factory.finish();
    factory.finish();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(factory.made.map(({ destroyed }) => destroyed)).toEqual([undefined, undefined]);
    expect((await leaseOf(version)).start).toBe('warm');
    await factory.made[0]!.destroy('crashed');
    await vi.advanceTimersByTimeAsync(2000);
    expect(factory.pending).toBe(1);
    factory.finish();
    await pool.stop();
  });

  test('a fresh one is ready again for a function that never uses one twice', async () => {
    vi.useFakeTimers();
    await pool.start();
    const version = fakeVersion({ isolation: 'invocation', scaling: { min: 1, max: 5 } });
    reserve(version, 1);
    const made = factory.finish();
    await vi.advanceTimersByTimeAsync(10);
    expect((await leaseOf(version)).sandbox).toBe(made);
    await vi.advanceTimersByTimeAsync(2000);
    expect(factory.pending).toBe(1);
    factory.finish();
    await pool.stop();
  });

  test('sandboxes of a version that is not served any more go; one that works, after its work', async () => {
    const [old, now] = [fakeVersion(), fakeVersion()];
    const idle = await coldLease(old);
    const busy = await coldLease(old);
    idle[Symbol.dispose]();
    pool.reserve(new Map([['hello', { served: new Set([now.digest]) }]]));
    expect(idle.sandbox.destroyed).toBe('superseded');
    expect(busy.sandbox.destroyed).toBeUndefined();
    busy[Symbol.dispose]();
    expect(busy.sandbox.destroyed).toBe('superseded');
  });

  test('who waits for a version is served by its sandboxes also when it is not served any more', async () => {
    const [old, now] = [fakeVersion(), fakeVersion()];
    const first = await coldLease(old);
    const second = leaseOf(old);
    pool.reserve(new Map([['hello', { served: new Set([now.digest]) }]]));
    first[Symbol.dispose]();
    const warm = await second;
    expect(warm.sandbox).toBe(first.sandbox);
    warm[Symbol.dispose]();
    expect(warm.sandbox.destroyed).toBe('superseded');
  });

  test('a sandbox is made shortly before the call that comes every half hour', async () => {
    vi.useFakeTimers();
    await pool.start();
    const version = fakeVersion({ scaling: { min: 0, max: 5 } });
    const starts: string[] = [];
    for (let call = 0; call < 15; call++) {
      const leasing = leaseOf(version);
      if (factory.pending > 0) factory.finish();
      const lease = await leasing;
      starts.push(lease.start);
      lease[Symbol.dispose]();
      await vi.advanceTimersByTimeAsync(20 * 60_000);
      const gone = factory.made.every(({ destroyed }) => destroyed === 'idle');
      expect(gone).toBe(true);
      await vi.advanceTimersByTimeAsync(9 * 60_000);
      if (factory.pending > 0) factory.finish();
      await vi.advanceTimersByTimeAsync(60_000);
    }
    expect(starts.slice(0, 11)).toEqual(Array.from({ length: 11 }, () => 'cold'));
    expect(starts.slice(11)).toEqual(['warm', 'warm', 'warm', 'warm']);
    await pool.stop();
  });
});
