import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { FunctionRecord } from '../../../src/domain/function.ts';
import type { Reservation } from '../../../src/domain/pool.ts';
import { Standby } from '../../../src/worker/standby.ts';
import { fakeVersion } from '../../support/fake-sandbox.ts';
import { digestOf, recordOf, specOf } from '../../support/function-records.ts';
import { MemoryRecordStore } from '../../support/memory-record-store.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const scaling = { min: 2, max: 5 };
let functions: MemoryRecordStore<FunctionRecord>;
let used: readonly string[];
let reserved: ReadonlyMap<string, Reservation>;
let isOurs: boolean;
let prepare: (digest: string) => Promise<ReturnType<typeof fakeVersion>>;
let standby: Standby;

beforeEach(async () => {
  functions = new MemoryRecordStore<FunctionRecord>();
  used = [];
  reserved = new Map();
  isOurs = true;
  prepare = async () => fakeVersion();
  standby = new Standby({
    readyCount: ({ min }) => min,
    functions,
    versions: { prepare: (digest) => prepare(digest) },
    isOurs: () => isOurs,
    stems: { use: (runtimes) => void (used = [...runtimes]) },
    pool: { reserve: (reservations) => void (reserved = reservations) },
    logger: silentLogger,
  });
  await standby.start();
});
afterEach(() => standby.stop());

describe('what is kept ready', () => {
  test('is nothing while nothing is deployed', () => {
    expect(used).toEqual([]);
  });

  test('are stems of the runtimes that functions use, and of no other', async () => {
    await functions.put(recordOf(specOf('one')));
    await vi.waitFor(() => expect(used).toEqual(['node24']));
    await functions.remove('one');
    await vi.waitFor(() => expect(used).toEqual([]));
  });

  test('are the sandboxes that a function asks for, of its live version', async () => {
    await functions.put(recordOf(specOf('one', { scaling })));
    await vi.waitFor(() => expect(reserved.get('one')?.ready?.count).toBe(2));
    await functions.put(recordOf(specOf('two')));
    await vi.waitFor(() => expect(reserved.has('two')).toBe(true));
    expect(reserved.get('two')?.ready).toBeUndefined();
  });

  test('are none where another node keeps them', async () => {
    isOurs = false;
    await functions.put(recordOf(specOf('one', { scaling })));
    await vi.waitFor(() => expect(reserved.has('one')).toBe(true));
    expect(reserved.get('one')?.ready).toBeUndefined();
  });

  test('are none where the image cannot be had, and others are not held up by it', async () => {
    prepare = () => Promise.reject(new Error('no such image'));
    await functions.put(recordOf(specOf('one', { scaling })));
    await vi.waitFor(() => expect(reserved.has('one')).toBe(true));
    expect(reserved.get('one')).toEqual({ served: new Set([recordOf(specOf('one')).live]) });
  });

  test('are only versions that serve: not one that was replaced', async () => {
    const first = recordOf(specOf('one'));
    await functions.put(first);
    await functions.put(recordOf(specOf('one'), 2, digestOf('b')));
    await vi.waitFor(() => expect(reserved.get('one')?.served).toEqual(new Set([digestOf('b')])));
  });
});
