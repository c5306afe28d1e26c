import { randomUUID } from 'node:crypto';
import { chown, mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { HostError } from '../domain/errors.ts';
import type {
  MountedVolume,
  OnCopyProgress,
  VolumeDriver,
  VolumeRecord,
  VolumeSnapshot,
} from '../domain/volume.ts';
import { exec } from '../lib/exec.ts';
import { formatBytes } from '../lib/units.ts';
import { unmount } from '../linux/index.ts';
import { waitUntilDetached } from './detached.ts';
import { mountImage, openImageFolders } from './image-mounts.ts';
import { copyLimitMs, copySparse, diskBytes, unfinished } from './sparse-copy.ts';
import { noSnapshot, snapshotExists, volumeExists } from './volume-errors.ts';

export interface LocalDriverOptions {
  /** A folder for each volume. */
  readonly dir: string;
  /** Where they are mounted; only this process sees it. */
  readonly mountsDir: string;
  /** The function's user, as it is on the disk. */
  readonly uid: number;
}

const image = 'image.ext4';
/**
 * Volumes as sparse ext4 images on loop devices. The size is that of the file system: a full one
 * says ENOSPC inside. After an unclean end the journal is replayed at the next mount.
 */
export class LocalDriver implements VolumeDriver {
  readonly name = 'local';
  readonly #options: LocalDriverOptions;

  constructor(options: LocalDriverOptions) {
    this.#options = options;
  }

  /** Removes what was being made, and gives back loop devices that a killed worker left. */
  async removeLeftovers(): Promise<void> {
    const { dir, mountsDir } = this.#options;
    await openImageFolders(dir, mountsDir);
    for (const name of await readdir(dir, { recursive: true })) {
      const isUnfinished = name.split('/').at(-1)?.startsWith(unfinished) ?? false;
      if (isUnfinished) await rm(join(dir, name), { recursive: true, force: true });
    }
  }

  async create(volume: VolumeRecord): Promise<void> {
    const { dir } = this.#options;
    const place = this.#place(volume);
    await this.#checkRoom(volume);
    const draft = join(dir, `${unfinished}${randomUUID()}`);
    try {
      await mkdir(join(draft, 'snapshots'), { recursive: true, mode: 0o700 });
      await this.#format(join(draft, image), volume);
      await rename(draft, place).catch((cause: unknown) => {
        throw volumeExists(volume.name, cause);
      });
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }

  async remove(volume: VolumeRecord): Promise<void> {
    await waitUntilDetached(this.#image(volume));
    await rm(this.#place(volume), { recursive: true, force: true });
  }

  async mount(volume: VolumeRecord): Promise<MountedVolume> {
    await stat(this.#image(volume)).catch((cause: unknown) => {
      throw new HostError(
        'not_found',
        'volume.no_data',
        `The image of volume "${volume.name}" is gone: remove the volume and make it anew.`,
        { cause },
      );
    });
    await waitUntilDetached(this.#image(volume));
    await this.#repair(volume);
    return await this.#mountImage(this.#image(volume), join(this.#options.mountsDir, volume.name));
  }

  async usedBytes(volume: VolumeRecord): Promise<number> {
    return await diskBytes(this.#image(volume));
  }

  async snapshot(
    volume: VolumeRecord,
    snapshot: string,
    { mounted, onProgress }: Parameters<VolumeDriver['snapshot']>[2] = {},
  ): Promise<void> {
    const target = this.#snapshot(volume, snapshot);
    if (await exists(target)) throw snapshotExists(volume.name, snapshot);
    await copySparse(this.#image(volume), target, { frozen: mounted?.root, onProgress });
  }

  async snapshots(volume: VolumeRecord): Promise<readonly VolumeSnapshot[]> {
    const folder = join(this.#place(volume), 'snapshots');
    const files = (await readdir(folder)).filter((name) => !name.startsWith(unfinished));
    const snapshots = await Promise.all(
      files.map(async (file) => ({
        name: file.replace(/\.ext4$/, ''),
        usedBytes: await diskBytes(join(folder, file)),
        createdAt: (await stat(join(folder, file))).mtime.toISOString(),
      })),
    );
    return snapshots.toSorted((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
  }

  async restore(
    volume: VolumeRecord,
    snapshot: string,
    onProgress?: OnCopyProgress,
  ): Promise<void> {
    const source = this.#snapshot(volume, snapshot);
    if (!(await exists(source))) throw noSnapshot(volume.name, snapshot);
    await waitUntilDetached(this.#image(volume));
    await copySparse(source, this.#image(volume), { onProgress });
  }

  async removeSnapshot(volume: VolumeRecord, snapshot: string): Promise<void> {
    await rm(this.#snapshot(volume, snapshot)).catch((cause: unknown) => {
      throw noSnapshot(volume.name, snapshot, cause);
    });
  }

  async replace(volume: VolumeRecord, fill: (root: string) => Promise<void>): Promise<void> {
    const draft = join(this.#place(volume), `${unfinished}${image}`);
    try {
      await rm(draft, { force: true });
      await this.#format(draft, volume);
      const target = join(this.#options.mountsDir, `${volume.name}.new`);
      {
        await using mounted = await this.#mountImage(draft, target);
        await fill(mounted.root);
      }
      await waitUntilDetached(draft); // unmounting wrote the last of it
      await waitUntilDetached(this.#image(volume));
      await rename(draft, this.#image(volume));
    } finally {
      await rm(draft, { force: true });
    }
  }

  /** An ext4 with one folder, of the function's user, beside ext4's own lost+found. */
  async #format(file: string, { sizeBytes }: VolumeRecord): Promise<void> {
    const { uid } = this.#options;
    const model = `${file}.model`;
    try {
      await mkdir(join(model, 'data'), { recursive: true });
      await chown(join(model, 'data'), uid, uid);
      const handle = await open(file, 'w', 0o600);
      await handle.truncate(sizeBytes);
      await handle.close();
      const lazily = 'nodiscard,lazy_itable_init=1,lazy_journal_init=1';
      const options = ['-b', '4096', '-m', '0', '-E', lazily, '-d', model];
      await exec('mkfs.ext4', ['-q', '-F', ...options, '--', file]);
      await flush(file);
    } finally {
      await rm(model, { recursive: true, force: true });
    }
  }

  /** A clean file system takes some milliseconds; one that was in use is checked and mended. */
  async #repair(volume: VolumeRecord): Promise<void> {
    const file = this.#image(volume);
    // Exit codes of e2fsck are bits; 1: errors were corrected. Only that much is done unasked.
    const check = `e2fsck -p "$1"; code=$?; if [ $code -gt 1 ]; then exit $code; fi`;
    try {
      await exec('sh', ['-c', check, 'sh', file], { timeoutMs: copyLimitMs });
    } catch (cause) {
      throw new HostError(
        'unavailable',
        'volume.damaged',
        `Volume "${volume.name}" is damaged in a way that is not mended unasked. Restore a snapshot, or run: e2fsck -f ${file}`,
        { cause },
      );
    }
  }

  async #mountImage(file: string, target: string): Promise<MountedVolume> {
    await mkdir(target, { recursive: true, mode: 0o711 });
    await mountImage(file, target, 'errors=remount-ro,discard');
    return {
      root: join(target, 'data'),
      [Symbol.asyncDispose]: async () => {
        unmount(target, { detach: true });
        await waitUntilDetached(file);
      },
    };
  }

  async #checkRoom({ name, sizeBytes }: VolumeRecord): Promise<void> {
    const { bavail, bsize } = await statfs(this.#options.dir);
    const free = bavail * bsize;
    if ((sizeBytes ?? 0) <= free) return;
    throw new HostError(
      'invalid',
      'volume.no_room',
      `Volume "${name}" would be larger than the ${formatBytes(free)} that are free on the node.`,
    );
  }

  #place({ name }: VolumeRecord): string {
    return join(this.#options.dir, name);
  }

  #image(volume: VolumeRecord): string {
    return join(this.#place(volume), image);
  }

  #snapshot(volume: VolumeRecord, snapshot: string): string {
    return join(this.#place(volume), 'snapshots', `${snapshot}.ext4`);
  }
}

async function flush(file: string): Promise<void> {
  await using handle = await open(file, 'r+');
  await handle.sync();
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
