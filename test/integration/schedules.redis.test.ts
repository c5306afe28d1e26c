import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { AsyncInvocation } from '../../src/domain/event-queue.ts';
import type { InvocationRecord, InvocationState } from '../../src/domain/invocation-record.ts';
import type { CronTrigger } from '../../src/domain/schedule.ts';
import { SchedulePlanner } from '../../src/schedules/schedule-planner.ts';
import { ScheduleStore } from '../../src/schedules/schedule-store.ts';
import { StoredSchedules } from '../../src/schedules/stored-schedules.ts';
import { recordOf, specOf } from '../support/function-records.ts';
import { MemoryRecordStore } from '../support/memory-record-store.ts';
import { startRedis, type RunningRedis } from '../support/redis.ts';
import { silentLogger } from '../support/silent-logger.ts';
import type { FunctionRecord } from '../../src/domain/function.ts';

let redis: RunningRedis;
let prefixes = 0;
let prefix: string;
let functions: MemoryRecordStore<FunctionRecord>;
let now: number;
/** By id, as the event queues keep them: a second one with the same id is none. */
let queued: Map<string, { invocation: AsyncInvocation; state: InvocationState }>;
let attempts: number;
let enqueueFails: boolean;
let opened: { stop(): Promise<void> }[];

const soon = { timeout: 15_000, interval: 10 };
const hour = 3_600_000;
const noon = Date.UTC(2026, 0, 1, 12);

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  prefixes += 1;
  prefix = `test${prefixes}`;
  functions = new MemoryRecordStore();
  queued = new Map();
  attempts = 0;
  enqueueFails = false;
  opened = [];
  now = noon + 60_000;
});
afterEach(async () => {
  for (const service of opened.toReversed()) await service.stop();
});

const invoker = {
  async enqueue(invocation: AsyncInvocation): Promise<boolean> {
    attempts += 1;
    if (enqueueFails) throw new Error('the queue is away');
    const isNew = !queued.has(invocation.id);
    if (isNew) queued.set(invocation.id, { invocation, state: 'queued' });
    return isNew;
  },
};
const records = {
  get: async (id: string) => queued.get(id) as unknown as InvocationRecord | undefined,
  cancel: async (id: string) => {
    const entry = queued.get(id);
    if (entry) entry.state = 'cancelled';
    return undefined;
  },
};

async function openStore(): Promise<ScheduleStore> {
  const options = { redis: { path: redis.socketPath }, keyPrefix: prefix, logger: silentLogger };
  const store = new ScheduleStore(options);
  await store.start(AbortSignal.timeout(30_000));
  opened.push(store);
  return store;
}

async function startPlanner(leaseMs = 5_000): Promise<SchedulePlanner> {
  const store = await openStore();
  const planner = new SchedulePlanner({
    functions,
    store,
    invoker,
    records,
    logger: silentLogger,
    times: { tickMs: 5, leaseMs },
    now: () => now,
  });
  await planner.start();
  opened.push(planner);
  return planner;
}

async function deploy(overrides: Partial<CronTrigger> = {}, revision = 1): Promise<void> {
  const trigger: CronTrigger = {
    name: 'cron-1',
    schedule: '0 * * * *',
    timeZone: 'UTC',
    overlap: 'allow',
    misfire: 'once',
    jitterMs: 0,
    ...overrides,
  };
  await functions.put(recordOf(specOf('clock', { cron: [trigger] }), revision));
}

/** The planner knows the schedule: from now on time may pass. */
const known = (store: ScheduleStore) =>
  vi.waitFor(async () => expect((await store.states()).has('clock/cron-1')).toBe(true), soon);

const planned = () =>
  [...queued.values()]
    .map(
      ({ invocation }) => JSON.parse(Buffer.from(invocation.body).toString()) as { time: string },
    )
    .map(({ time }) => time.slice(11, 16));

describe('a planner', () => {
  test('puts each run into its queue, with an event that says when it was planned', async () => {
    await deploy();
    await startPlanner();
    await known(await openStore());
    now = noon + hour;
    await vi.waitFor(() => expect(planned()).toEqual(['13:00']), soon);
    now += hour;
    await vi.waitFor(() => expect(planned()).toEqual(['13:00', '14:00']), soon);
    const [first] = queued.values();
    expect(first?.invocation).toMatchObject({ functionName: 'clock', source: 'cron' });
    expect(JSON.parse(Buffer.from(first?.invocation.body ?? []).toString())).toMatchObject({
      'detail-type': 'Scheduled Event',
      time: '2026-01-01T13:00:00.000Z',
      detail: { cron: '0 * * * *', scheduledTime: noon + hour },
    });
  });

  test('shares the work with others so that each run takes place once', async () => {
    await deploy({ schedule: '* * * * * *' });
    const planners = await Promise.all([startPlanner(60), startPlanner(60), startPlanner(60)]);
    await known(await openStore());
    for (let i = 0; i < 40; i += 1) {
      now += 1000;
      if (i === 20) await planners[0]?.stop();
      await vi.waitFor(() => expect(queued.size).toBe(i + 1), soon);
    }
    expect(attempts).toBeGreaterThanOrEqual(40);
  });

  test('finishes what another had decided on and could not do', async () => {
    await deploy();
    enqueueFails = true;
    const first = await startPlanner();
    const store = await openStore();
    await known(store);
    now = noon + hour;
    await vi.waitFor(() => expect(attempts).toBeGreaterThan(0), soon);
    await first.stop();
    enqueueFails = false;
    now += 600_000; // long after: it was decided on in time
    await startPlanner();
    await vi.waitFor(() => expect(planned()).toEqual(['13:00']), soon);
    await vi.waitFor(async () => {
      expect((await store.states()).get('clock/cron-1')?.pending).toEqual([]);
    }, soon);
  });

  test('after a time of its own makes up for one run of those that were missed', async () => {
    await deploy();
    const first = await startPlanner();
    await known(await openStore());
    await first.stop();
    now = noon + 5 * hour + 1_800_000;
    await startPlanner();
    await vi.waitFor(() => expect(planned()).toEqual(['17:00']), soon);
  });

  test('that lost the lead can write nothing', async () => {
    const [one, other] = [await openStore(), await openStore()];
    const epoch = await one.lead('one', 20);
    let later = 0;
    await vi.waitFor(async () => {
      later = await other.lead('other', 60_000);
      expect(later).toBeGreaterThan(epoch);
    }, soon);
    const state = { text: '', plannedUntilMs: 1, pending: [], isPaused: false };
    expect(await one.save(epoch, 'a/b', state, [])).toBe(false);
    expect(await other.save(later, 'a/b', state, [])).toBe(true);
    expect(await one.lead('one', 20)).toBe(0);
  });

  test('forgets a schedule with its function', async () => {
    await deploy();
    await startPlanner();
    const store = await openStore();
    await known(store);
    await functions.remove('clock');
    await vi.waitFor(async () => expect((await store.states()).size).toBe(0), soon);
  });
});

describe('a run that is due while the last one runs', () => {
  const begun = async (overlap: CronTrigger['overlap']) => {
    await deploy({ overlap });
    await startPlanner();
    const store = await openStore();
    await known(store);
    now = noon + hour;
    await vi.waitFor(() => expect(queued.size).toBe(1), soon);
    now += hour;
    return store;
  };

  test('is skipped, and its history says so', async () => {
    const store = await begun('skip');
    await vi.waitFor(async () => {
      expect(await store.history('clock/cron-1')).toMatchObject([
        { plannedMs: noon + 2 * hour, skipped: 'overlap' },
        { plannedMs: noon + hour, invocationId: expect.any(String) },
      ]);
    }, soon);
    expect(queued.size).toBe(1);
  });

  test('waits for it', async () => {
    const store = await begun('queue');
    await vi.waitFor(async () => {
      expect((await store.states()).get('clock/cron-1')?.pending).toHaveLength(1);
    }, soon);
    const [first] = queued.values();
    if (first) first.state = 'done';
    now += 1_000;
    await vi.waitFor(() => expect(planned()).toEqual(['13:00', '14:00']), soon);
  });

  test('takes its place', async () => {
    await begun('replace');
    await vi.waitFor(() => expect(queued.size).toBe(2), soon);
    expect([...queued.values()].map(({ state }) => state)).toEqual(['cancelled', 'queued']);
  });
});

test('a paused schedule plans nothing, and goes on from its resumption', async () => {
  await deploy({ misfire: 'all' });
  await startPlanner();
  const store = await openStore();
  await known(store);
  const schedules = new StoredSchedules({ functions, store, invoker, records });
  await schedules.pause('clock', 'cron-1');
  expect(await schedules.list()).toMatchObject([{ isPaused: true, nextMs: undefined }]);
  const isPaused = async () => (await store.states()).get('clock/cron-1')?.isPaused;
  await vi.waitFor(async () => expect(await isPaused()).toBe(true), soon);
  now = noon + 5 * hour;
  await schedules.resume('clock', 'cron-1');
  await vi.waitFor(async () => expect(await isPaused()).toBe(false), soon);
  now += hour;
  await vi.waitFor(() => expect(planned()).toEqual(['18:00']), soon);
  await schedules.trigger('clock', 'cron-1');
  expect(queued.size).toBe(2);
  await expect(schedules.pause('clock', 'no-such')).rejects.toMatchObject({ code: 'not_found' });
});
