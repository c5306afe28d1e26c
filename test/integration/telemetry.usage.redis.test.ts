import { afterAll, beforeAll, expect, test } from 'vitest';
import { FactBus } from '../../src/events/fact-bus.ts';
import { RedisUsageLedger } from '../../src/telemetry/usage/redis-usage-ledger.ts';
import { UsageMeter } from '../../src/telemetry/usage/usage-meter.ts';
import { digestOf } from '../support/function-records.ts';
import { startRedis, type RunningRedis } from '../support/redis.ts';
import { RunningGateway, withKey } from '../support/running-gateway.ts';
import { silentLogger } from '../support/silent-logger.ts';

let redis: RunningRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

test('what two nodes used is in the ledger when they have stopped', async () => {
  const options = { redis: { path: redis.socketPath }, keyPrefix: 'usage:', logger: silentLogger };
  const now = Date.parse('2026-01-31T12:00:00.000Z');
  for (const functionName of ['hello', 'world']) {
    const bus = new FactBus({ now: () => now });
    const meter = new UsageMeter({ ...options, memoryOf: () => 5e8 });
    await meter.start(AbortSignal.timeout(30_000));
    bus.subscribe(meter.listen);
    for (const name of [functionName, 'both']) {
      bus.publish('invocation.completed', {
        invocationId: 'an-id',
        acceptedMs: now,
        functionName: name,
        version: digestOf('a'),
        outcome: 'ok',
        timings: { run: 1_000 },
      });
    }
    bus.publish('usage.measured', { functionName: 'both', cpuMs: 250, egressBytes: 40 });
    await meter.stop();
  }
  const ledger = new RedisUsageLedger(options);
  await ledger.start(AbortSignal.timeout(30_000));
  const row = { day: '2026-01-31', failures: 0, cpuSeconds: 0, egressBytes: 0 };
  expect(await ledger.between('2026-01-30', '2026-02-01')).toEqual([
    {
      ...row,
      functionName: 'both',
      invocations: 2,
      gbSeconds: 1,
      cpuSeconds: 0.5,
      egressBytes: 80,
    },
    { ...row, functionName: 'hello', invocations: 1, gbSeconds: 0.5 },
    { ...row, functionName: 'world', invocations: 1, gbSeconds: 0.5 },
  ]);
  expect(await ledger.between('2026-01-01', '2026-01-30')).toEqual([]);
  await ledger.stop();
});

test('GET /v1/usage gives it as JSON or CSV, and says which days it takes', async () => {
  await using running = await RunningGateway.start();
  const asked: string[][] = [];
  const functionName = 'hello';
  running.usageBetween = (...days) => {
    asked.push(days);
    const day = '2026-01-31';
    const used = {
      invocations: 2,
      failures: 1,
      gbSeconds: 0.25,
      cpuSeconds: 0.125,
      egressBytes: 9,
    };
    return [{ day, functionName, ...used }];
  };
  const get = (query: string) => running.send('GET', `/v1/usage?${query}`, { headers: withKey });
  const { text } = await get('from=2026-01-01&to=2026-01-31');
  expect(JSON.parse(text)).toMatchObject({ usage: [{ functionName, gbSeconds: 0.25 }] });
  const table = await get('to=2026-01-31&format=csv');
  expect(table.text).toBe(
    'day,function,invocations,failures,gb_seconds,cpu_seconds,egress_bytes\r\n2026-01-31,hello,2,1,0.25,0.125,9\r\n',
  );
  expect(asked).toEqual([
    ['2026-01-01', '2026-01-31'],
    ['2026-01-02', '2026-01-31'],
  ]);
  for (const wrong of ['from=yesterday', 'from=2026-02-01&to=2026-01-31', 'from=2020-01-01']) {
    expect((await get(wrong)).status).toBe(400);
  }
});
