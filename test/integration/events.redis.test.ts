import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { HostError } from '../../src/domain/errors.ts';
import type { AsyncInvocation } from '../../src/domain/event-queue.ts';
import type { Fact } from '../../src/domain/facts.ts';
import type { FunctionRecord } from '../../src/domain/function.ts';
import { noTracing } from '../../src/domain/trace.ts';
import type { WebhookRecord } from '../../src/domain/webhook.ts';
import { EventTriggers } from '../../src/events/event-triggers.ts';
import { FactBus } from '../../src/events/fact-bus.ts';
import { FactRelay } from '../../src/events/fact-relay.ts';
import { factStreamKey } from '../../src/events/fact-stream.ts';
import { recordOf, specOf } from '../support/function-records.ts';
import { MemoryRecordStore } from '../support/memory-record-store.ts';
import { startRedis, type RunningRedis } from '../support/redis.ts';
import { silentLogger } from '../support/silent-logger.ts';

const soon = { timeout: 20_000, interval: 10 };
const grace = () => AbortSignal.timeout(10_000);

let redis: RunningRedis;
let client: Redis;
let bus: FactBus;
let relay: FactRelay;
let functions: MemoryRecordStore<FunctionRecord>;
let webhooks: MemoryRecordStore<WebhookRecord>;
let told: AsyncInvocation[];
let fail: (invocation: AsyncInvocation) => void;
let running: EventTriggers[];
let runs = 0;

beforeAll(async () => {
  redis = await startRedis();
  client = new Redis({ path: redis.socketPath });
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});

const options = () => ({
  redis: { path: redis.socketPath },
  keyPrefix: `run${runs}:`,
  logger: silentLogger,
});

beforeEach(async () => {
  runs += 1;
  bus = new FactBus();
  functions = new MemoryRecordStore();
  webhooks = new MemoryRecordStore();
  told = [];
  fail = () => {};
  running = [];
  relay = new FactRelay({ ...options(), bus, source: 'test' });
  await relay.start(grace());
});
afterEach(async () => {
  for (const triggers of running) await triggers.stop(grace());
  await relay.stop(grace());
});

async function startTriggers(member: string): Promise<EventTriggers> {
  const triggers = new EventTriggers({
    ...options(),
    member,
    functions,
    webhooks,
    tracing: noTracing,
    facts: bus,
    invoker: {
      enqueue: async (invocation) => {
        fail(invocation);
        const isNew = told.every(({ id }) => id !== invocation.id);
        if (isNew) told.push(invocation);
        return isNew;
      },
    },
  });
  await triggers.start(grace());
  running.push(triggers);
  return triggers;
}

const deployWatch = (name = 'watch') =>
  functions.put(
    recordOf({ ...specOf(name), events: [{ types: ['function.removed'], match: {} }] }),
  );
const groups = () =>
  client.xinfo('GROUPS', factStreamKey(options().keyPrefix)).catch(() => []) as Promise<unknown[]>;
const groupIsThere = () => vi.waitFor(async () => expect(await groups()).toHaveLength(1), soon);
const toldNames = () =>
  told.map(({ body }) => {
    const { data } = JSON.parse(Buffer.from(body).toString()) as { readonly data: Fact['data'] };
    return 'functionName' in data ? data.functionName : '';
  });

test('each fact is told once, whichever of the gateways reads it', async () => {
  await deployWatch();
  await startTriggers('one');
  await startTriggers('two');
  await groupIsThere();
  const names = Array.from({ length: 50 }, (_, index) => `gone-${index}`);
  for (const functionName of names) bus.publish('function.removed', { functionName });
  await vi.waitFor(() => expect(new Set(toldNames())).toEqual(new Set(names)), soon);
  expect(told).toHaveLength(names.length);
});

test('a webhook is told by a queue of its own', async () => {
  await webhooks.put({
    name: 'ops',
    revision: 1,
    destination: { webhook: 'https://ops.example.com/' },
    pattern: { types: ['function.*'], match: { functionName: ['shop-*'] } },
    createdAt: '',
  });
  await startTriggers('one');
  await groupIsThere();
  for (const functionName of ['other', 'shop-1']) bus.publish('function.removed', { functionName });
  await vi.waitFor(() => expect(toldNames()).toEqual(['shop-1']), soon);
  expect(told).toMatchObject([
    { functionName: 'webhook.ops', destination: { webhook: 'https://ops.example.com/' } },
  ]);
});

test('what could not be told is told later, also by who takes over', async () => {
  await deployWatch();
  const first = await startTriggers('one');
  await groupIsThere();
  fail = () => {
    throw new HostError('unavailable', 'redis.unavailable', 'away');
  };
  const failing = vi.fn(fail);
  fail = failing;
  bus.publish('function.removed', { functionName: 'gone' });
  await vi.waitFor(() => expect(failing).toHaveBeenCalled(), soon);
  await first.stop(grace());
  fail = () => {};
  await startTriggers('one');
  await vi.waitFor(() => expect(toldNames()).toEqual(['gone']), soon);
});

test('who has a full queue does not keep the others from being told', async () => {
  await deployWatch('full');
  await deployWatch('watch');
  fail = ({ functionName }) => {
    if (functionName !== 'full') return;
    throw new HostError('throttled', 'async.queue_full', 'full');
  };
  const dropped: Fact['data'][] = [];
  bus.subscribe(({ type, data }) => void (type === 'event.dropped' && dropped.push(data)));
  await startTriggers('one');
  await groupIsThere();
  bus.publish('function.removed', { functionName: 'gone' });
  await vi.waitFor(() => expect(dropped).toEqual([{ queue: 'full', count: 1 }]), soon);
  expect(toldNames()).toEqual(['gone']);
});

test('nothing is read or kept once nobody is to be told', async () => {
  await deployWatch();
  await startTriggers('one');
  await groupIsThere();
  await functions.remove('watch');
  await vi.waitFor(async () => expect(await groups()).toEqual([]), soon);
});
