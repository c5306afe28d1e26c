import type { Readable } from 'node:stream';
import { HostError } from '../domain/errors.ts';
import { isName, type NodeId } from '../domain/ids.ts';
import type { RecordStore } from '../domain/record-store.ts';
import type {
  NewVolume,
  OnCopyProgress,
  VolumeDetails,
  VolumeDriver,
  VolumeRecord,
  Volumes,
} from '../domain/volume.ts';
import type { MountedVolumes } from './mounted-volumes.ts';
import type { VolumeArchive } from './volume-archive.ts';
import { noVolume, volumeExists } from './volume-errors.ts';
import type { VolumeLease, VolumeLeases } from './volume-leases.ts';

export interface VolumeKeeperOptions {
  readonly node: NodeId;
  readonly records: RecordStore<VolumeRecord>;
  readonly leases: Pick<VolumeLeases, 'acquire' | 'holders'>;
  readonly mounted: MountedVolumes;
  readonly archive: VolumeArchive;
  readonly driverOf: (volume: Pick<VolumeRecord, 'driver'>) => VolumeDriver;
}

const sizeBounds = { min: 16 * 1024 ** 2, max: 16 * 1024 ** 4 } as const;

/** How long those who serve nobody get to give way, and with force those who do to be destroyed. */
const waitMs = 3_000;
const forceWaitMs = 15_000;

/** Manages the volumes of this node. */
export class VolumeKeeper implements Volumes {
  readonly #options: VolumeKeeperOptions;

  constructor(options: VolumeKeeperOptions) {
    this.#options = options;
  }

  /** The record comes first: whatever happens then, `remove` finds what there is to remove. */
  async create(volume: NewVolume): Promise<VolumeRecord> {
    const { name, driver, sizeBytes, noexec } = volume;
    checkNew(volume);
    const { node, records, driverOf } = this.#options;
    if (records.get(name)) throw volumeExists(name);
    const record: VolumeRecord = {
      name,
      revision: 1,
      driver,
      sizeBytes,
      noexec,
      node: driver === 'local' ? node : undefined,
      createdAt: new Date().toISOString(),
    };
    await records.put(record);
    try {
      await driverOf(record).create(record);
    } catch (error) {
      await records.remove(name);
      throw error;
    }
    return record;
  }

  async inspect(name: string): Promise<VolumeDetails> {
    const { leases } = this.#options;
    const record = this.#find(name);
    const driver = this.#options.driverOf(record);
    const [usedBytes, holders, snapshots] = await Promise.all([
      driver.usedBytes(record),
      leases.holders(name),
      driver.snapshots(record),
    ]);
    return { record, usedBytes, holders, snapshots };
  }

  async remove(name: string, { force }: { readonly force: boolean }): Promise<void> {
    const { driverOf, records } = this.#options;
    const record = this.#find(name);
    await using _lease = await this.#alone(name, force);
    await driverOf(record).remove(record);
    await records.remove(name);
  }

  async snapshot(name: string, snapshot: string, onProgress?: OnCopyProgress): Promise<void> {
    const record = this.#find(name);
    checkName('a snapshot', snapshot);
    await using _lease = await this.#reading(name);
    await this.#options.mounted.asItIs(name, (mounted) =>
      this.#options.driverOf(record).snapshot(record, snapshot, {
        mounted,
        ...(onProgress ? { onProgress } : {}),
      }),
    );
  }

  async removeSnapshot(name: string, snapshot: string): Promise<void> {
    const record = this.#find(name);
    checkName('a snapshot', snapshot);
    await this.#options.driverOf(record).removeSnapshot(record, snapshot);
  }

  async restore(name: string, snapshot: string, onProgress?: OnCopyProgress): Promise<void> {
    const record = this.#find(name);
    checkName('a snapshot', snapshot);
    await using _lease = await this.#alone(name);
    await this.#options.driverOf(record).restore(record, snapshot, onProgress);
  }

  async export(name: string): Promise<Readable> {
    const { mounted, archive } = this.#options;
    const record = this.#find(name);
    await using stack = new AsyncDisposableStack();
    stack.use(await this.#reading(name));
    const { root } = stack.use(await mounted.use(record));
    const held = stack.move();
    try {
      return await archive.pack(name, root, () => held.disposeAsync());
    } catch (error) {
      await held.disposeAsync();
      throw error;
    }
  }

  async import(name: string, tar: Readable): Promise<void> {
    const { driverOf, archive } = this.#options;
    const record = this.#find(name);
    await using _lease = await this.#alone(name);
    await driverOf(record).replace(record, (root) => archive.unpack(name, root, tar));
  }

  #find(name: string): VolumeRecord {
    const record = this.#options.records.get(name);
    if (record) return record;
    throw noVolume(name);
  }

  #alone(volume: string, force = false): Promise<VolumeLease> {
    return this.#options.leases.acquire({
      volume,
      mode: 'alone',
      waitMs: force ? forceWaitMs : waitMs,
      force,
    });
  }

  #reading(volume: string): Promise<VolumeLease> {
    return this.#options.leases.acquire({ volume, mode: 'read', waitMs });
  }
}

function checkNew({ name, driver, sizeBytes }: NewVolume): void {
  checkName('a volume', name);
  if (driver !== 'local') return;
  if (sizeBytes !== undefined && sizeBytes >= sizeBounds.min && sizeBytes <= sizeBounds.max) return;
  throw new HostError(
    'invalid',
    'volume.invalid_size',
    'A volume needs a size between 16Mi and 16Ti, such as 1Gi.',
  );
}

function checkName(what: string, name: string): void {
  if (isName(name)) return;
  throw new HostError(
    'invalid',
    'volume.invalid_name',
    `The name of ${what} must be 1 to 63 of a-z, 0-9 and "-", not "-" at either end.`,
  );
}
