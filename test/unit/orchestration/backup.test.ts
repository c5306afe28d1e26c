import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import type { ArchivedBlob, BlobArchive } from '../../../src/domain/backup.ts';
import { HostError } from '../../../src/domain/errors.ts';
import type { FunctionRecord } from '../../../src/domain/function.ts';
import type { Digest } from '../../../src/domain/ids.ts';
import type { KeyRecord } from '../../../src/domain/key.ts';
import type { NetworkRecord } from '../../../src/domain/private-network.ts';
import type { StoredRecord } from '../../../src/domain/record-store.ts';
import type { SecretRecord } from '../../../src/domain/secret.ts';
import type { StackRecord } from '../../../src/domain/stack.ts';
import { StoredBackups } from '../../../src/orchestration/backup/stored-backups.ts';
import { recordOf, specOf } from '../../support/function-records.ts';
import { MemoryRecordStore } from '../../support/memory-record-store.ts';

const digestOf = (bytes: Uint8Array): Digest =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

const image = Buffer.from('a manifest');
const layer = Buffer.alloc(100_000, 'a layer');

/** Every image is the same manifest and the same layer. */
class MemoryBlobs implements BlobArchive {
  readonly stored = new Map<Digest, Buffer>();

  async blobsOf(): Promise<readonly ArchivedBlob[]> {
    return [image, layer].map((blob) => ({ digest: digestOf(blob), sizeBytes: blob.length }));
  }

  read(digest: Digest): Readable {
    return Readable.from([this.stored.get(digest)]);
  }

  async put(content: AsyncIterable<Uint8Array>, { digest }: ArchivedBlob): Promise<void> {
    const bytes = await buffer(content);
    if (digestOf(bytes) !== digest) throw new HostError('invalid', 'images.corrupt', 'corrupt');
    this.stored.set(digest, bytes);
  }
}

function newHost({ hasMasterKey = true } = {}) {
  const stores = {
    functions: new MemoryRecordStore<FunctionRecord>(),
    secrets: new MemoryRecordStore<SecretRecord>(),
    keys: new MemoryRecordStore<KeyRecord>(),
    networks: new MemoryRecordStore<NetworkRecord>(),
    stacks: new MemoryRecordStore<StackRecord>(),
    volumes: new MemoryRecordStore<StoredRecord>(),
  };
  const blobs = new MemoryBlobs();
  const paused: string[] = [];
  const backups = new StoredBackups({
    ...stores,
    blobs,
    canOpen: () => hasMasterKey,
    schedules: {
      list: async () =>
        ['tick', 'tock'].map((name) => ({
          functionName: 'hello',
          trigger: { name } as never,
          isPaused: name === 'tock',
          nextMs: undefined,
        })),
      pause: async (functionName, name) => void paused.push(`${functionName}/${name}`),
    },
  });
  return { ...stores, blobs, paused, backups };
}

async function backedUp(): Promise<Buffer> {
  const { functions, secrets, blobs, backups } = newHost();
  for (const blob of [image, layer]) blobs.stored.set(digestOf(blob), blob);
  const volumes = [{ name: 'notes', mount: '/data', readOnly: false }] as never;
  await functions.put(recordOf(specOf('hello', { volumes }), 1, digestOf(image)));
  const changedAt = '2026-01-02T03:04:05.000Z';
  await secrets.put({ name: 'TOKEN', revision: 1, sealed: 'id.x', functions: ['*'], changedAt });
  return buffer(await backups.write());
}

const restore = (archive: Buffer, host = newHost()) =>
  host.backups.restore(Readable.from([archive]));

describe('a backup', () => {
  it('makes an empty host what the other was', async () => {
    const host = newHost();
    expect(await restore(await backedUp(), host)).toMatchObject({
      functions: 1,
      versions: 1,
      secrets: 1,
      blobs: 2,
      missingVolumes: ['notes'],
    });
    expect(host.functions.get('hello')?.live).toBe(digestOf(image));
    expect(host.secrets.get('TOKEN')?.sealed).toBe('id.x');
    expect(host.blobs.stored.get(digestOf(layer))).toEqual(layer);
    expect(host.paused).toEqual(['hello/tock']);
  });

  it('is refused by a host that has something already', async () => {
    const host = newHost();
    await host.volumes.put({ name: 'mine', revision: 1 });
    await expect(restore(await backedUp(), host)).rejects.toMatchObject({
      code: 'conflict',
      reason: 'backup.not_empty',
      message: expect.stringContaining('has volumes already'),
    });
  });

  it('is refused without the master key that sealed it, and nothing is defined', async () => {
    const host = newHost({ hasMasterKey: false });
    await expect(restore(await backedUp(), host)).rejects.toMatchObject({
      reason: 'backup.master_key',
    });
    expect(host.functions.list()).toEqual([]);
  });

  it.each([
    ['cut off', (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
    ['cut off between two entries', (bytes: Buffer) => bytes.subarray(0, 1024)],
    ['changed in a layer', (bytes: Buffer) => replaced(bytes, 'a layera layer', 'a layerA layer')],
    ['changed in a definition', (bytes: Buffer) => replaced(bytes, 'TOKEN', 'TAKEN')],
    ['something else', () => Buffer.from('hello')],
    ['empty', () => Buffer.alloc(0)],
  ])('that is %s is refused, and nothing is defined', async (_what, damaged) => {
    const host = newHost();
    await expect(restore(damaged(await backedUp()), host)).rejects.toMatchObject({
      code: 'invalid',
    });
    expect([...host.functions.list(), ...host.secrets.list()]).toEqual([]);
  });

  it('of a later format is refused', async () => {
    const later = replaced(await backedUp(), '"format":1', '"format":9');
    await expect(restore(later)).rejects.toMatchObject({ reason: 'backup.format' });
  });

  it('breaks off where a blob is missing', async () => {
    const { functions, backups } = newHost();
    await functions.put(recordOf(specOf('hello'), 1, digestOf(image)));
    await expect(backups.write().then(buffer)).rejects.toThrow();
  });

  it('that cannot be defined whole leaves nothing', async () => {
    const host = newHost();
    host.functions.put = () => Promise.reject(new Error('Redis is away'));
    await expect(restore(await backedUp(), host)).rejects.toThrow('away');
    expect(host.secrets.list()).toEqual([]);
  });
});

/** The same length, so that it stays a tar. */
function replaced(bytes: Buffer, from: string, to: string): Buffer {
  const copy = Buffer.from(bytes);
  copy.write(to, copy.indexOf(from));
  return copy;
}
