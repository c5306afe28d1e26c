import { afterEach, describe, expect, test, vi } from 'vitest';
import type { FunctionRecord } from '../../../src/domain/function.ts';
import type { Digest } from '../../../src/domain/ids.ts';
import { DeployedVersions } from '../../../src/worker/deployed-versions.ts';
import { fakeVersion } from '../../support/fake-sandbox.ts';
import { digestOf, recordOf, specOf } from '../../support/function-records.ts';
import { MemoryRecordStore } from '../../support/memory-record-store.ts';
import { silentLogger } from '../../support/silent-logger.ts';

let service: DeployedVersions;
afterEach(() => service.stop());

async function startWith(options: {
  readonly functions: readonly FunctionRecord[];
  readonly here?: readonly Digest[];
  readonly mayRun?: (name: string) => boolean;
  readonly failures?: number;
}) {
  const { functions, here = [], mayRun = () => true } = options;
  let { failures = 0 } = options;
  const store = new MemoryRecordStore<FunctionRecord>();
  for (const record of functions) await store.put(record);
  const prepared: Digest[] = [];
  service = new DeployedVersions({
    functions: store,
    mayRun: ({ name }) => mayRun(name),
    images: { has: async (digest) => here.includes(digest) },
    versions: {
      prepare: async (digest) => {
        if (failures-- > 0) throw new Error('the gateway is away');
        prepared.push(digest);
        return fakeVersion();
      },
    },
    logger: silentLogger,
    lookIntervalMs: 5,
  });
  await service.start();
  return { store, prepared };
}

const one = recordOf(specOf('one'));

describe('a node that has come', () => {
  test('prepares what is served, once', async () => {
    const { prepared } = await startWith({ functions: [one] });
    await vi.waitFor(() => expect(prepared).toEqual([one.live]));
    await service.stop();
    expect(prepared).toEqual([one.live]);
  });

  test('leaves alone what it has, and what it may not run', async () => {
    const two = recordOf(specOf('two'), 1, digestOf('b'));
    const three = recordOf(specOf('three'), 1, digestOf('c'));
    const { prepared } = await startWith({
      functions: [one, two, three],
      here: [one.live],
      mayRun: (name) => name !== 'two',
    });
    await vi.waitFor(() => expect(prepared).toEqual([digestOf('c')]));
  });

  test('tries again what did not work', async () => {
    const { prepared } = await startWith({ functions: [one], failures: 2 });
    await vi.waitFor(() => expect(prepared).toEqual([one.live]));
  });
});
