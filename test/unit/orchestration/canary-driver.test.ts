import { Readable } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Facts } from '../../../src/domain/facts.ts';
import type { FunctionRecord } from '../../../src/domain/function.ts';
import type { Digest } from '../../../src/domain/ids.ts';
import { CanaryDriver } from '../../../src/orchestration/canary-driver.ts';
import { createFunctionDeployer } from '../../../src/orchestration/function-deployer.ts';
import { digestOf, preparedImage, specOf } from '../../support/function-records.ts';
import { MemoryRecordStore } from '../../support/memory-record-store.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const everyMs = 120_000;
let clockMs = 0;
let functions: MemoryRecordStore<FunctionRecord>;
let moves: object[];
let deployer: ReturnType<typeof createFunctionDeployer>;
let drivers: CanaryDriver[];

/** Version 1 of image a serves, version 2 of image b begins with 5 %. */
beforeEach(async () => {
  clockMs = 0;
  moves = [];
  functions = new MemoryRecordStore();
  const built = [digestOf('a'), digestOf('b')];
  deployer = createFunctionDeployer({
    functions,
    packages: { build: async () => built.shift() ?? digestOf('c') },
    images: { prepare: async (digest) => preparedImage(digest) },
    secrets: { bind: () => ({ values: {}, missing: [], stamp: '' }) },
    facts: {
      publish: (type, data) => {
        if (type === 'function.canary_moved') moves.push(data);
      },
    },
  });
  await deployer.deploy(specOf('hello'), Readable.from([]));
  await deployer.deploy(specOf('hello'), Readable.from([]), { isStaged: true });
  drivers = [newDriver(), newDriver()];
  const canary = { next: [50], everyMs, maxErrorPercent: 2, maxSlowdown: 2 };
  await deployer.setTraffic('hello', { live: '1', split: { version: '2', percent: 5, canary } });
});

const newDriver = () =>
  new CanaryDriver({ functions, deployer, logger: silentLogger, now: () => clockMs });

function runs(version: Digest, count: number, result: Partial<Facts['invocation.completed']> = {}) {
  const data: Facts['invocation.completed'] = {
    invocationId: 'i',
    acceptedMs: 0,
    functionName: 'hello',
    version,
    outcome: 'ok',
    timings: { run: 5 },
    ...result,
  };
  for (let i = 0; i < count; i += 1) {
    const fact = { type: 'invocation.completed', timeMs: 0, data } as const;
    for (const driver of drivers) driver.listen({ id: '1-1.0', source: 'worker', fact });
  }
}

const look = () => Promise.all(drivers.map((driver) => driver.look()));
const record = () => functions.get('hello');

describe('canaries of several gateways', () => {
  it('step up to all of the traffic, each step made once', async () => {
    for (const percent of [50, undefined]) {
      runs(digestOf('b'), 20);
      clockMs += everyMs - 1;
      await look();
      const before = record();
      clockMs += 1;
      await look();
      expect(record()?.revision).toBe((before?.revision ?? 0) + 1);
      expect(record()?.split?.percent).toBe(percent);
    }
    expect(record()).toMatchObject({ live: digestOf('b'), previous: digestOf('a') });
    expect(moves).toMatchObject([
      { move: 'advanced', percent: 50 },
      { move: 'promoted', percent: 100 },
    ]);
  });

  it.each([
    ['throws', { outcome: 'function_error' }],
    ['answers 500', { status: 500 }],
  ] as const)('take the traffic back from a version that %s', async (_what, result) => {
    runs(digestOf('a'), 100);
    runs(digestOf('b'), 10, result);
    await look();
    expect(record()).toMatchObject({ live: digestOf('a'), canaryEnd: { result: 'rolled_back' } });
    expect(record()?.split).toBeUndefined();
    expect(moves).toMatchObject([{ move: 'rolled_back', percent: 0 }]);
  });

  it('take it back from one that is slower', async () => {
    runs(digestOf('a'), 100);
    runs(digestOf('b'), 20, { timings: { run: 100 } });
    await look();
    expect(record()?.canaryEnd?.result).toBe('rolled_back');
  });

  it('do not blame the version for what the host or callers did', async () => {
    runs(digestOf('b'), 50, { outcome: 'host_error' });
    runs(digestOf('b'), 50, { outcome: 'cancelled' });
    clockMs += everyMs;
    await look();
    expect(record()?.split?.percent).toBe(5);
  });

  it('judge each step by itself, and a gateway that joins by what it has seen', async () => {
    runs(digestOf('b'), 20);
    clockMs += everyMs;
    drivers = [newDriver()];
    await drivers[0]?.start();
    await look();
    expect(record()?.split?.percent).toBe(5);
    runs(digestOf('b'), 20);
    clockMs += everyMs;
    await look();
    expect(record()?.split?.percent).toBe(50);
    await drivers[0]?.stop();
  });

  it('leave alone what someone else has ended', async () => {
    runs(digestOf('b'), 20);
    await deployer.rollback('hello');
    clockMs += everyMs;
    await look();
    expect(moves).toEqual([]);
    expect(record()?.live).toBe(digestOf('a'));
  });
});
