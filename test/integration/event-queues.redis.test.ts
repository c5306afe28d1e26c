import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { HostError } from '../../src/domain/errors.ts';
import { createEventQueues, type EventQueues } from '../../src/queue/index.ts';
import { answered, failed, invocationOf, ScriptedAttempts } from '../support/event-queue-worker.ts';
import { LostNode } from '../support/lost-node.ts';
import { idempotencyKeysContract } from '../contract/idempotency-keys.ts';
import { startRedis, type RunningRedis } from '../support/redis.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { noTracing } from '../../src/domain/trace.ts';

let redis: RunningRedis;
let queues: EventQueues;
let worker: ScriptedAttempts;

beforeAll(async () => {
  redis = await startRedis({ durable: true });
});

afterAll(() => redis.stop());

beforeEach(async () => {
  queues = createEventQueues({
    redis: { path: redis.socketPath },
    keyPrefix: 'test',
    tracing: noTracing,
    logger: silentLogger,
  });
  await queues.service.start(AbortSignal.timeout(30_000));
  worker = await ScriptedAttempts.start(redis.socketPath);
});

afterEach(async () => {
  await worker[Symbol.asyncDispose]();
  await queues.service.stop(AbortSignal.abort());
});

const end = (id: string) => queues.records.whenEnded(id, AbortSignal.timeout(60_000));

describe('an asynchronous invocation', () => {
  test('runs once and its answer is kept', async () => {
    worker.script = ({ body }) => answered(`got ${Buffer.from(body).toString()}`, 201);
    const id = randomUUID();
    expect(await queues.invoker.enqueue(invocationOf(id))).toBe(true);
    const record = await end(id);
    expect(record).toMatchObject({
      state: 'done',
      spent: 0,
      response: { status: 201, bytes: 11 },
      attempts: [{ number: 1, node: 'node-1', outcome: 'ok', start: 'warm' }],
    });
    expect(Buffer.from((await queues.records.answer(id)) ?? '').toString()).toBe('got {"n":1}');
    expect(worker.attempts).toHaveLength(1);
  });

  test('is accepted once, however often it is asked for', async () => {
    const id = randomUUID();
    expect(await queues.invoker.enqueue(invocationOf(id))).toBe(true);
    expect(await queues.invoker.enqueue(invocationOf(id))).toBe(false);
    await end(id);
    expect(await queues.invoker.enqueue(invocationOf(id))).toBe(false);
    const next = randomUUID();
    await queues.invoker.enqueue(invocationOf(next));
    await end(next);
    expect(worker.attempts.map((attempt) => attempt.id)).toEqual([id, next]);
  });

  test('is tried again when the function fails, and ends as a dead letter', async () => {
    worker.script = ({ number }) => failed(`attempt ${number}`);
    const id = randomUUID();
    await queues.invoker.enqueue(invocationOf(id));
    expect(await end(id)).toMatchObject({
      state: 'dead_letter',
      spent: 3,
      failure: { reason: 'function.error', message: 'Error: attempt 3' },
    });
  });

  test('spends no attempt while there is no room', async () => {
    const busy = new HostError('unavailable', 'pool.busy', 'no room', { retryAfterMs: 1 });
    let refusals = 0;
    worker.script = () => {
      refusals += 1;
      return refusals <= 2 ? { outcome: busy, timings: {} } : answered('at last');
    };
    const id = randomUUID();
    await queues.invoker.enqueue(invocationOf(id, { settings: { attempts: 1 } }));
    expect(await end(id)).toMatchObject({ state: 'done', spent: 0, attempts: [{ number: 1 }] });
  });

  test('waits for its delay', async () => {
    const id = randomUUID();
    const accepted = Date.now();
    await queues.invoker.enqueue(invocationOf(id, { delayMs: 600 }));
    const record = await end(id);
    expect(record?.state).toBe('done');
    expect(record?.attempts[0]?.startedMs).toBeGreaterThanOrEqual(accepted + 500);
  });

  test('is taken the sooner the lower its number, and those without one first', async () => {
    worker.capacity = 1;
    const free = Promise.withResolvers<void>();
    const [first, low, high, none] = Array.from({ length: 4 }, () => randomUUID());
    worker.script = async ({ id }) => {
      if (id === first) await free.promise;
      return answered('ok');
    };
    await queues.invoker.enqueue(invocationOf(first!));
    await vi.waitFor(() => expect(worker.attempts).toHaveLength(1), 10_000);
    await queues.invoker.enqueue(invocationOf(low!, { priority: 1000 }));
    await queues.invoker.enqueue(invocationOf(high!, { priority: 1, delayMs: 1 }));
    await queues.invoker.enqueue(invocationOf(none!));
    await vi.waitFor(async () => {
      const [state] = await queues.control.states(['hello']);
      expect(state?.queued).toBe(3);
    }, 10_000);
    free.resolve();
    expect((await end(low!))?.state).toBe('done');
    expect(worker.attempts.map(({ id }) => id)).toEqual([first, none, high, low]);
  });

  test('tells each change to who follows it, and its end last', async () => {
    const id = randomUUID();
    const told: string[] = [];
    const mayEnd = Promise.withResolvers<void>();
    worker.script = async () => {
      await mayEnd.promise;
      return answered('ok');
    };
    await queues.control.pause('hello');
    await queues.invoker.enqueue(invocationOf(id));
    for await (const { state } of queues.records.changes(id, AbortSignal.timeout(60_000))) {
      told.push(state);
      if (state === 'queued') await queues.control.resume('hello');
      if (state === 'running') mayEnd.resolve();
    }
    expect(told).toEqual(['queued', 'running', 'done']);
  });

  test('that waits is cancelled at once, one that runs as soon as its worker hears', async () => {
    const waiting = randomUUID();
    await queues.invoker.enqueue(invocationOf(waiting, { delayMs: 3_600_000 }));
    expect((await queues.records.cancel(waiting))?.state).toBe('cancelled');

    const started = Promise.withResolvers<void>();
    worker.script = async ({ cancelled }) => {
      started.resolve();
      await new Promise((resolve) => cancelled.addEventListener('abort', resolve));
      return { outcome: { kind: 'cancelled' }, timings: {} };
    };
    const running = randomUUID();
    await queues.invoker.enqueue(invocationOf(running));
    await started.promise;
    await queues.records.cancel(running);
    expect((await end(running))?.state).toBe('cancelled');
  });

  test('goes on where Redis was killed', async () => {
    const ids = Array.from({ length: 20 }, () => randomUUID());
    const gate = Promise.withResolvers<void>();
    worker.script = async () => {
      await gate.promise;
      return answered('ok');
    };
    await Promise.all(ids.map((id) => queues.invoker.enqueue(invocationOf(id))));
    await vi.waitFor(() => expect(worker.attempts.length).toBe(8));
    await redis.kill();
    gate.resolve();
    await redis.restart();
    const records = await Promise.all(ids.map(end));
    expect(records.map((record) => record?.state)).toEqual(ids.map(() => 'done'));
    expect(new Set(worker.attempts.map(({ id }) => id)).size).toBe(20);
    expect(worker.attempts).toHaveLength(20);
  });

  test('is handed back by a worker that stops, and spends nothing for it', async () => {
    worker.script = () => new Promise(() => {});
    const id = randomUUID();
    await queues.invoker.enqueue(invocationOf(id));
    await vi.waitFor(() => expect(worker.attempts).toHaveLength(1));
    await worker.stop(AbortSignal.abort());
    worker.script = () => answered('second');
    await worker.restart();
    expect(await end(id)).toMatchObject({
      state: 'done',
      spent: 0,
      lost: 1,
      attempts: [{ outcome: 'lost' }, { outcome: 'ok' }],
    });
  });

  test('that a lost node had begun begins again at once on another; its result comes too late', async () => {
    const begun = Promise.withResolvers<void>();
    const late = Promise.withResolvers<void>();
    worker.script = async () => {
      begun.resolve();
      await late.promise;
      return answered('too late');
    };
    const id = randomUUID();
    await queues.invoker.enqueue(invocationOf(id));
    await begun.promise;
    worker.capacity = 0;
    await using other = await ScriptedAttempts.start(redis.socketPath, 'node-2');
    await other.adopt('node-1');
    const record = await end(id);
    expect(record).toMatchObject({ state: 'done', spent: 0 });
    expect(record?.attempts.at(-1)).toMatchObject({ node: 'node-2', outcome: 'ok' });
    late.resolve();
    await other.adopt('node-1'); // there is nothing any more
    expect(Buffer.from((await queues.records.answer(id)) ?? '').toString()).toBe('ok');
    expect(other.attempts).toHaveLength(1);
  });

  test('that a lost node had only taken begins at once on another, and not on that node any more', async () => {
    worker.capacity = 0;
    await using lost = await LostNode.start(redis.socketPath, 'node-3');
    const id = randomUUID();
    await queues.invoker.enqueue(invocationOf(id));
    const job = await lost.take('hello');
    expect(job.id).toBe(id);

    const begun = Promise.withResolvers<void>();
    const mayEnd = Promise.withResolvers<void>();
    await using other = await ScriptedAttempts.start(redis.socketPath, 'node-2');
    other.script = async () => {
      begun.resolve();
      await mayEnd.promise;
      return answered('ok');
    };
    await other.adopt('node-3');
    await begun.promise;
    await lost.deliver('hello', job);
    mayEnd.resolve();
    const record = await end(id);
    expect(record).toMatchObject({ state: 'done', lost: 0, attempts: [{ node: 'node-2' }] });
    expect(record?.attempts).toHaveLength(1);
    expect(lost.attempts).toBe(0);
  });
});

describe('a destination', () => {
  const told = async (settings: object) => {
    const id = randomUUID();
    await queues.invoker.enqueue(invocationOf(id, { settings }));
    await vi.waitFor(() => expect(worker.attempts.length).toBeGreaterThan(1), 10_000);
    const [, destination] = worker.attempts;
    return {
      id,
      name: destination?.functionName,
      event: JSON.parse(Buffer.from(destination?.body ?? '').toString()) as unknown,
    };
  };

  test('is invoked with the answer of what was done', async () => {
    worker.script = () => answered('{"sum":3}');
    const { id, name, event } = await told({ onSuccess: { function: 'cheer' } });
    expect(name).toBe('cheer');
    expect(event).toMatchObject({
      requestContext: { requestId: id, condition: 'Success' },
      requestPayload: { n: 1 },
      responsePayload: { sum: 3 },
    });
  });

  test('is invoked with the error of what failed for good', async () => {
    worker.script = ({ functionName }) =>
      functionName === 'mourn' ? answered('ok') : failed('broke');
    const { id, name, event } = await told({ attempts: 1, onFailure: { function: 'mourn' } });
    expect(name).toBe('mourn');
    expect(event).toMatchObject({ responsePayload: { errorMessage: 'Error: broke' } });
    expect((await queues.records.get(id))?.state).toBe('dead_letter');
  });
});

describe('a destination outside', () => {
  test('is told from the queue of the function, and tried for longer', async () => {
    const webhook = 'https://example.com/done';
    worker.script = ({ destination }) => (destination ? failed('away') : answered('ok'));
    const id = randomUUID();
    const settings = { onSuccess: { webhook }, onFailure: { function: 'mourn' } };
    await queues.invoker.enqueue(invocationOf(id, { settings }));
    await vi.waitFor(() => expect(worker.attempts).toHaveLength(2), 10_000);
    const [first, second] = worker.attempts;
    expect(second).toMatchObject({ functionName: first?.functionName, destination: { webhook } });
    expect(await queues.records.get(second!.id)).toMatchObject({
      source: 'destination',
      destination: { webhook },
      settings: { attempts: 12 },
    });
  });
});

describe('an event queue', () => {
  const control = () => queues.control;
  const dead = async (functionName: string, script = () => failed('no')) => {
    worker.script = script;
    const id = randomUUID();
    const settings = { attempts: 1 };
    await queues.invoker.enqueue(invocationOf(id, { functionName, settings }));
    expect((await end(id))?.state).toBe('dead_letter');
    return id;
  };

  test('shows its dead letters, and takes up again those that are meant', async () => {
    const first = await dead('letters');
    const second = await dead('letters', () => ({ outcome: { kind: 'crashed' }, timings: {} }));
    const all = await control().deadLetters('letters', { limit: 10 });
    expect(all.map(({ id }) => id)).toEqual([first, second]);
    expect(await control().states(['letters'])).toEqual([
      { functionName: 'letters', isPaused: false, queued: 0, running: 0, deadLetters: 2 },
    ]);
    worker.script = () => answered('mended');
    const filter = { reason: 'function.crashed', limit: 10 };
    expect(await control().redrive('letters', filter)).toBe(1);
    expect(await end(second)).toMatchObject({ state: 'done', attempts: [{}, { number: 2 }] });
    expect((await queues.records.get(first))?.state).toBe('dead_letter');
    expect(await control().redrive('letters', { ids: [second], limit: 10 })).toBe(0);
    expect(await control().forget('letters', { limit: 10 })).toBe(1);
    expect(await queues.records.get(first)).toBeUndefined();
  });

  test('begins nothing while it is paused, and goes on when it is resumed', async () => {
    await control().pause('paused');
    const id = randomUUID();
    await queues.invoker.enqueue(invocationOf(id, { functionName: 'paused' }));
    const other = randomUUID();
    await queues.invoker.enqueue(invocationOf(other));
    expect((await end(other))?.state).toBe('done');
    const [state] = await control().states(['paused']);
    expect(state).toMatchObject({ isPaused: true, queued: 1 });
    expect(state!.oldestMs).toBe((await queues.records.get(id))?.acceptedMs);
    await control().resume('paused');
    expect((await end(id))?.state).toBe('done');
  });

  test('is emptied by cancelling what waits', async () => {
    await control().pause('emptied');
    const ids = [randomUUID(), randomUUID()];
    for (const id of ids) {
      await queues.invoker.enqueue(invocationOf(id, { functionName: 'emptied' }));
    }
    expect(await control().cancelQueued('emptied')).toBe(2);
    await control().resume('emptied');
    for (const id of ids) expect((await end(id))?.state).toBe('cancelled');
    expect(worker.attempts).toHaveLength(0);
  });

  test('keeps as many ended invocations as it is told, and leaves nothing else behind', async () => {
    const retention = { ageMs: 60_000, count: 3 };
    const ids = Array.from({ length: 6 }, () => randomUUID());
    for (const id of ids) {
      const changes = { functionName: 'kept', settings: { retention } };
      await queues.invoker.enqueue(invocationOf(id, changes));
      await end(id);
    }
    const records = await Promise.all(ids.map((id) => queues.records.get(id)));
    const kept = records.flatMap((record) => (record ? [record.id] : []));
    expect(kept).toEqual(ids.slice(3));
    const connection = new Redis({ path: redis.socketPath });
    const left = () => connection.keys('test:events.kept:*');
    await vi.waitFor(async () => expect(await left()).toEqual([]), 20_000);
    connection.disconnect();
  });

  test('forgets an ended invocation, and its answer, when it is as old as it is told', async () => {
    const retention = { ageMs: 300, count: 10 };
    const id = randomUUID();
    await queues.invoker.enqueue(invocationOf(id, { settings: { retention } }));
    await end(id);
    const left = async () => [await queues.records.get(id), await queues.records.answer(id)];
    await vi.waitFor(async () => expect(await left()).toEqual([undefined, undefined]), 10_000);
  });

  test('costs no connection, as do 10,000 others', async () => {
    const connection = new Redis({ path: redis.socketPath });
    const clients = async () =>
      String(await connection.client('LIST'))
        .trim()
        .split('\n').length;
    const before = await clients();
    const later = Array.from({ length: 10_000 }, (_, n) =>
      invocationOf(randomUUID(), { functionName: `idle-${n}`, delayMs: 3_600_000 }),
    );
    await Promise.all(later.map((invocation) => queues.invoker.enqueue(invocation)));
    const id = randomUUID();
    await queues.invoker.enqueue(invocationOf(id));
    expect(await end(id)).toMatchObject({ state: 'done' });
    expect(await clients()).toBe(before);
    connection.disconnect();
  });
});

describe('idempotency keys in Redis', () => idempotencyKeysContract(() => queues.idempotency));
