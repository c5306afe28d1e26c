import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { FlowProducer, Queue, QueueEvents } from 'bullmq';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { HostError } from '../../src/domain/errors.ts';
import type { Attempt, AttemptResult } from '../../src/domain/event-queue.ts';
import type { FunctionRecord } from '../../src/domain/function.ts';
import type { QueueTrigger } from '../../src/domain/queue-trigger.ts';
import { QueueTriggers } from '../../src/queue/queue-triggers.ts';
import { answered, failed } from '../support/event-queue-worker.ts';
import { recordOf, specOf } from '../support/function-records.ts';
import { startRedis, type RunningRedis } from '../support/redis.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { noTracing } from '../../src/domain/trace.ts';

const producer = fileURLToPath(new URL('../support/bullmq-producer.mjs', import.meta.url));
let redis: RunningRedis;
let triggers: QueueTriggers;
let functions: FunctionRecord[];
let attempts: Attempt[];
let script: (attempt: Attempt, event: unknown) => AttemptResult | Promise<AttemptResult>;
let queues = 0;
let name: string;
let others: RunningRedis;

const jobLockMs = 400;

beforeAll(async () => {
  [redis, others] = await Promise.all([startRedis(), startRedis()]);
});
afterAll(() => Promise.all([redis.stop(), others.stop()]));

beforeEach(async () => {
  queues += 1;
  name = `uploads-${queues}`;
  functions = [];
  attempts = [];
  triggers = new QueueTriggers({
    functions: { list: () => functions },
    redis: { path: redis.socketPath },
    connections: new Map([['apps', { path: others.socketPath }]]),
    lockMs: jobLockMs,
    tracing: noTracing,
    logger: silentLogger,
    runner: {
      run: async (attempt) => {
        attempts.push(attempt);
        return await script(attempt, JSON.parse(Buffer.from(attempt.body).toString()));
      },
    },
  });
  await triggers.start();
});
afterEach(() => triggers.stop(AbortSignal.timeout(5_000)));

function deploy(changes: Partial<QueueTrigger> = {}): void {
  const trigger = { prefix: 'bull', connection: undefined, batchSize: 1, maxConcurrency: 4 };
  functions = [recordOf(specOf('thumbnail', { queues: [{ name, ...trigger, ...changes }] }))];
}

interface JobOutcome {
  readonly value?: unknown;
  readonly error?: string;
  readonly attempts: number;
}

interface Job {
  readonly data: unknown;
  readonly opts?: object;
}

/** Adds jobs from another process, as an application does, and waits for their ends. */
const produce = (...jobs: readonly Job[]) => produceWith('bullmq', jobs);

async function produceWith(library: string, jobs: readonly Job[], to = redis) {
  const args = [producer, to.socketPath, name, JSON.stringify(jobs), library];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
  return JSON.parse(stdout) as JobOutcome[];
}

describe('a queue of an application', () => {
  test("invokes the function with each job's data; its answer is the job's result", async () => {
    script = (_attempt, event) => answered(JSON.stringify({ got: event }));
    deploy();
    const outcomes = await produce({ data: { file: 'a' } }, { data: 7 });
    expect(outcomes).toMatchObject([{ value: { got: { file: 'a' } } }, { value: { got: 7 } }]);
    expect(attempts[0]?.head.queue).toMatchObject({ name, isBatch: false });
  });

  test('may be filled by an application with the major before', async () => {
    script = ({ number }, event) =>
      event === 1 && number < 2 ? failed('not yet') : answered(JSON.stringify({ got: event }));
    deploy();
    const opts = { attempts: 2, backoff: { type: 'fixed', delay: 10 }, priority: 3 };
    const jobs = [
      { data: 1, opts },
      { data: 2, opts: { delay: 20 } },
    ];
    expect(await produceWith('bullmq-5', jobs)).toMatchObject([
      { value: { got: 1 } },
      { value: { got: 2 } },
    ]);
  });

  test("tries a job that fails as often as the job's own options say", async () => {
    script = ({ number }) => (number < 3 ? failed('not yet') : answered('"third"'));
    deploy();
    const opts = { attempts: 3, backoff: { type: 'fixed', delay: 10 } };
    const outcomes = await produce({ data: 1, opts }, { data: 2, opts: { attempts: 1 } });
    expect(outcomes[0]).toMatchObject({ value: 'third' });
    expect(outcomes[1]).toMatchObject({ error: 'Error: not yet', attempts: 1 });
  });

  test('gives batches, of which those fail that the function names', async () => {
    script = (_attempt, event) => {
      const { Records: records } = event as { Records: { messageId: string; body: string }[] };
      const failures = records.filter(({ body }) => body === '"bad"');
      return answered(
        JSON.stringify({
          batchItemFailures: failures.map(({ messageId }) => ({ itemIdentifier: messageId })),
        }),
      );
    };
    deploy({ batchSize: 10, maxConcurrency: 1 });
    const outcomes = await produce({ data: 'good' }, { data: 'bad' }, { data: 'good' });
    expect(outcomes.map(({ error }) => error !== undefined)).toEqual([false, true, false]);
    expect(attempts.length).toBeLessThan(3);
  });

  test("shows how far the function is as the job's progress, the newest at its end", async () => {
    const seen: unknown[] = [];
    const connection = { path: redis.socketPath };
    const events = new QueueEvents(name, { connection });
    await events.waitUntilReady();
    events.on('progress', ({ data }) => seen.push(data));
    script = async ({ onProgress }) => {
      for (let percent = 0; percent <= 100; percent += 1) {
        onProgress?.(0, Buffer.from(String(percent)));
      }
      onProgress?.(0, Buffer.from('{')); // what no honest function sends
      onProgress?.(1, Buffer.from('1'));
      await vi.waitFor(() => expect(seen).toEqual([0]), 10_000);
      onProgress?.(0, Buffer.from('{"step":"end"}'));
      return answered('1');
    };
    deploy();
    expect(await produce({ data: 1 })).toMatchObject([{ value: 1 }]);
    await vi.waitFor(() => expect(seen).toEqual([0, { step: 'end' }]), 10_000);
    await events.close();
  });

  test('keeps a job that takes longer than its lock lasts', async () => {
    script = async () => {
      await setTimeout(4 * jobLockMs); // what the function takes
      return answered('"late"');
    };
    deploy();
    expect(await produce({ data: 1 })).toMatchObject([{ value: 'late', attempts: 1 }]);
    expect(attempts).toHaveLength(1);
  });

  test('may be in another Redis, by the name that the operator gave it', async () => {
    script = () => answered('"there"');
    deploy({ connection: 'apps' });
    const outcomes = await produceWith('bullmq', [{ data: 1 }], others);
    expect(outcomes).toMatchObject([{ value: 'there' }]);
    const here = new Queue(name, { connection: { path: redis.socketPath } });
    expect(await here.getWorkers()).toEqual([]);
    await here.close();
  });

  test('keeps a job for which there is no room, and spends nothing of its attempts', async () => {
    let asked = 0;
    script = () => {
      asked += 1;
      const full = new HostError('unavailable', 'pool.full', 'no room');
      return asked === 1 ? { outcome: full, timings: {} } : answered('"served"');
    };
    deploy();
    expect(await produce({ data: 1, opts: { attempts: 1 } })).toMatchObject([{ value: 'served' }]);
  });

  test('rests while its application has it paused, and goes on when it is resumed', async () => {
    script = () => answered('1');
    deploy();
    const connection = { path: redis.socketPath };
    const queue = new Queue(name, { connection });
    await queue.pause();
    const job = await queue.add('resized', 1);
    await vi.waitFor(async () => expect(await queue.getWorkers()).toHaveLength(1), 10_000);
    expect(await job.getState()).toBe('waiting');
    expect(attempts).toEqual([]);
    await queue.resume();
    await vi.waitFor(async () => expect(await job.getState()).toBe('completed'), 10_000);
    await queue.close();
  });

  test("runs a flow's children before their parent, which is given their values", async () => {
    const served: unknown[] = [];
    script = (_attempt, event) => {
      served.push(event);
      return answered(JSON.stringify({ got: event }));
    };
    deploy();
    const connection = { path: redis.socketPath };
    const events = new QueueEvents(name, { connection });
    await events.waitUntilReady();
    const producer = new FlowProducer({ connection });
    const children = ['a', 'b'].map((data) => ({ name: 'part', queueName: name, data }));
    const { job } = await producer.add({ name: 'whole', queueName: name, data: 'all', children });
    expect(await job.waitUntilFinished(events, 20_000)).toEqual({ got: 'all' });
    expect(new Set(served)).toEqual(new Set(['a', 'all', 'b']));
    expect(served).toHaveLength(3);
    expect(served.at(-1)).toBe('all');
    const told = attempts.map(({ head }) => head.queue?.messages[0]?.childrenValues);
    expect(told.slice(0, 2)).toEqual([undefined, undefined]);
    expect(told[2]).toEqual(await job.getChildrenValues());
    expect(Object.values(told[2] ?? {})).toEqual(
      expect.arrayContaining([{ got: 'a' }, { got: 'b' }]),
    );
    await Promise.all([producer.close(), events.close()]);
  });

  test('is let go of when the function does not want it any more', async () => {
    script = () => answered('1');
    deploy();
    await produce({ data: 1 });
    functions = [];
    const queue = new Queue(name, { connection: { path: redis.socketPath } });
    await vi.waitFor(async () => expect(await queue.getWorkers()).toEqual([]), 10_000);
    await queue.close();
  });
});
