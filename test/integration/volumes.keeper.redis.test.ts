import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { VolumeRecord } from '../../src/domain/volume.ts';
import { DirDriver } from '../../src/volumes/dir-driver.ts';
import { MountedVolumes } from '../../src/volumes/mounted-volumes.ts';
import { VolumeArchive } from '../../src/volumes/volume-archive.ts';
import { VolumeKeeper } from '../../src/volumes/volume-keeper.ts';
import { VolumeLeases } from '../../src/volumes/volume-leases.ts';
import { IdRanges } from '../../src/security/id-ranges.ts';
import { MemoryRecordStore } from '../support/memory-record-store.ts';
import { startRedis, type RunningRedis } from '../support/redis.ts';
import { silentLogger } from '../support/silent-logger.ts';

let redis: RunningRedis;
let dir: string;
let leases: VolumeLeases;
let elsewhere: VolumeLeases;
let keeper: VolumeKeeper;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-keeper-'));
  [leases, elsewhere] = [await leasesOf('here'), await leasesOf('elsewhere')];
  const driver = new DirDriver({ dir, uid: 1000 });
  const driverOf = () => driver;
  keeper = new VolumeKeeper({
    node: 'here',
    records: new MemoryRecordStore<VolumeRecord>(),
    leases,
    mounted: new MountedVolumes(driverOf),
    archive: new VolumeArchive({ idRanges: new IdRanges(), dir, uid: 1000 }),
    driverOf,
  });
  await keeper.create({ name: 'data', driver: 'dir', sizeBytes: undefined, noexec: false });
});
afterEach(async () => {
  await leases.stop();
  await elsewhere.stop();
  await rm(dir, { recursive: true });
});

async function leasesOf(node: string): Promise<VolumeLeases> {
  const opened = new VolumeLeases({
    redis: { path: redis.socketPath },
    keyPrefix: dir,
    logger: silentLogger,
    node,
    times: { ttlMs: 60_000, lookMs: 10 },
  });
  await opened.start(AbortSignal.timeout(30_000));
  return opened;
}

const write = () =>
  elsewhere.acquire({ volume: 'data', mode: 'shared', holder: 'sandbox-1', waitMs: 0 });

test('a volume that is leased, on whichever node, is not removed, restored or replaced', async () => {
  await keeper.snapshot('data', 'first');
  await using held = await write();
  const inUse = { code: 'conflict', reason: 'volume.in_use', details: { holders: ['sandbox-1'] } };
  await expect(keeper.remove('data', { force: false })).rejects.toMatchObject(inUse);
  await expect(keeper.restore('data', 'first')).rejects.toMatchObject(inUse);
  expect(held.wanted.aborted).toBe(true); // it was asked, and would not give way
  expect(held.lost.aborted).toBe(false);
  expect(await readdir(join(dir, 'data/data'))).toEqual([]);
});

test('a volume is snapshot while it is leased', async () => {
  await using _held = await write();
  await keeper.snapshot('data', 'first');
  expect((await keeper.inspect('data')).snapshots).toMatchObject([{ name: 'first' }]);
});

test('a volume is removed by force once those who had it have let go', async () => {
  const held = await write();
  const removed = keeper.remove('data', { force: true });
  await vi.waitFor(() => expect(held.lost.aborted).toBe(true), { timeout: 20_000 });
  expect(await readdir(dir)).toEqual(['data']);
  await held[Symbol.asyncDispose]();
  await removed;
  expect(await readdir(dir)).toEqual([]);
});
