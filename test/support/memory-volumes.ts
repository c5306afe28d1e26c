import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { HostError } from '../../src/domain/errors.ts';
import type {
  NewVolume,
  OnCopyProgress,
  VolumeDetails,
  VolumeRecord,
  Volumes,
} from '../../src/domain/volume.ts';

/** Volumes without a file system: an archive is kept as it came. */
export class MemoryVolumes implements Volumes {
  readonly #volumes = new Map<string, { record: VolumeRecord; tar: Buffer }>();
  readonly #snapshots = new Map<string, Buffer>();
  /** Calls that change something, for those who look. */
  readonly calls: string[] = [];

  list(): readonly VolumeRecord[] {
    return [...this.#volumes.values()].map(({ record }) => record);
  }

  get(name: string): VolumeRecord | undefined {
    return this.#volumes.get(name)?.record;
  }

  async create(volume: NewVolume): Promise<VolumeRecord> {
    if (this.#volumes.has(volume.name)) {
      throw new HostError('conflict', 'volume.exists', 'There is one already.');
    }
    const record = { ...volume, revision: 1, node: 'node-1', createdAt: '2026-01-01T00:00:00Z' };
    this.#volumes.set(volume.name, { record, tar: Buffer.alloc(0) });
    return record;
  }

  async inspect(name: string): Promise<VolumeDetails> {
    const { record, tar } = this.#find(name);
    return { record, usedBytes: tar.length, holders: [], snapshots: [] };
  }

  async remove(name: string, { force }: { readonly force: boolean }): Promise<void> {
    this.#find(name);
    this.calls.push(`remove ${name}${force ? ' by force' : ''}`);
    this.#volumes.delete(name);
  }

  async snapshot(name: string, snapshot: string, onProgress?: OnCopyProgress): Promise<void> {
    onProgress?.({ doneBytes: 1, totalBytes: 2 });
    this.#snapshots.set(`${name}/${snapshot}`, this.#find(name).tar);
  }

  async removeSnapshot(name: string, snapshot: string): Promise<void> {
    this.#snapshots.delete(`${name}/${snapshot}`);
  }

  async restore(name: string, snapshot: string): Promise<void> {
    this.#find(name).tar = this.#snapshots.get(`${name}/${snapshot}`) ?? Buffer.alloc(0);
  }

  async export(name: string): Promise<Readable> {
    return Readable.from([this.#find(name).tar]);
  }

  async import(name: string, tar: Readable): Promise<void> {
    this.#find(name).tar = await buffer(tar);
  }

  #find(name: string) {
    const volume = this.#volumes.get(name);
    if (volume) return volume;
    throw new HostError('not_found', 'volume.not_found', `There is no volume "${name}".`);
  }
}
