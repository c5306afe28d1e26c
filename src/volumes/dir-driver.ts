import { randomUUID } from 'node:crypto';
import { chmod, chown, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HostError } from '../domain/errors.ts';
import type {
  MountedVolume,
  VolumeDriver,
  VolumeRecord,
  VolumeSnapshot,
} from '../domain/volume.ts';
import { exec } from '../lib/exec.ts';
import { noSnapshot, snapshotExists, volumeExists } from './volume-errors.ts';

export interface DirDriverOptions {
  /** Mounted by the operator, at the same place on every node; undefined: not on this host. */
  readonly dir: string | undefined;
  /** The function's user, as it is on the disk. */
  readonly uid: number;
}

const copyLimitMs = 60 * 60_000;

/**
 * Volumes as folders in one of the operator's, which may be NFS or what a storage driver mounts.
 * There is no size to enforce, and a snapshot of one that is being written is not of one moment.
 */
export class DirDriver implements VolumeDriver {
  readonly name = 'dir';
  readonly #options: DirDriverOptions;

  constructor(options: DirDriverOptions) {
    this.#options = options;
  }

  async create(volume: VolumeRecord): Promise<void> {
    if (volume.sizeBytes !== undefined) {
      throw new HostError(
        'invalid',
        'volume.size_not_enforced',
        'The driver "dir" cannot limit the size of a volume: leave it out.',
      );
    }
    const place = this.#place(volume);
    const draft = `${place}.new-${randomUUID()}`;
    try {
      await this.#makeData(join(draft, 'data'));
      await mkdir(join(draft, 'snapshots'), { mode: 0o700 });
      await rename(draft, place).catch((cause: unknown) => {
        throw volumeExists(volume.name, cause);
      });
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }

  async remove(volume: VolumeRecord): Promise<void> {
    await rm(this.#place(volume), { recursive: true, force: true });
  }

  async mount(volume: VolumeRecord): Promise<MountedVolume> {
    const root = this.#data(volume);
    await this.#finishSwap(volume).catch(() => {}); // then the data is not there either
    await stat(root).catch((cause: unknown) => {
      throw new HostError(
        'not_found',
        'volume.no_data',
        `${root} is gone: is the file system mounted there?`,
        { cause },
      );
    });
    return { root, [Symbol.asyncDispose]: async () => {} };
  }

  async usedBytes(volume: VolumeRecord): Promise<number> {
    return await usage(this.#data(volume));
  }

  async snapshot(volume: VolumeRecord, snapshot: string): Promise<void> {
    const target = this.#snapshot(volume, snapshot);
    if (await exists(target)) throw snapshotExists(volume.name, snapshot);
    await copyTree(this.#data(volume), target);
  }

  async snapshots(volume: VolumeRecord): Promise<readonly VolumeSnapshot[]> {
    const folder = join(this.#place(volume), 'snapshots');
    const names = (await readdir(folder)).filter((name) => !name.startsWith('.'));
    const snapshots = await Promise.all(
      names.map(async (name) => ({
        name,
        usedBytes: await usage(join(folder, name)),
        createdAt: (await stat(join(folder, name))).ctime.toISOString(),
      })),
    );
    return snapshots.toSorted((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
  }

  async restore(volume: VolumeRecord, snapshot: string): Promise<void> {
    const source = this.#snapshot(volume, snapshot);
    if (!(await exists(source))) throw noSnapshot(volume.name, snapshot);
    await this.#swap(volume, (draft) => copyTree(source, draft));
  }

  async removeSnapshot(volume: VolumeRecord, snapshot: string): Promise<void> {
    await rm(this.#snapshot(volume, snapshot), { recursive: true }).catch((cause: unknown) => {
      throw noSnapshot(volume.name, snapshot, cause);
    });
  }

  async replace(volume: VolumeRecord, fill: (root: string) => Promise<void>): Promise<void> {
    await this.#swap(volume, async (draft) => {
      await this.#makeData(draft);
      await fill(draft);
    });
  }

  /** Two renames: a crash between them leaves the old data under a name that tells what it is. */
  async #swap(volume: VolumeRecord, make: (draft: string) => Promise<void>): Promise<void> {
    const place = this.#place(volume);
    const [draft, old] = [join(place, 'new'), join(place, 'old')];
    await this.#finishSwap(volume);
    try {
      await make(draft);
      await rename(this.#data(volume), old);
      await rename(draft, this.#data(volume));
    } finally {
      await this.#finishSwap(volume);
    }
  }

  async #finishSwap(volume: VolumeRecord): Promise<void> {
    const place = this.#place(volume);
    if (!(await exists(this.#data(volume)))) await rename(join(place, 'old'), this.#data(volume));
    await rm(join(place, 'old'), { recursive: true, force: true });
    await rm(join(place, 'new'), { recursive: true, force: true });
  }

  /** A server that makes everyone the same user (NFS, `all_squash`) refuses owners: anyone writes. */
  async #makeData(path: string): Promise<void> {
    await mkdir(path, { recursive: true });
    await chown(path, this.#options.uid, this.#options.uid).catch((error: NodeJS.ErrnoException) =>
      error.code === 'EPERM' ? chmod(path, 0o777) : Promise.reject(error),
    );
  }

  #place({ name }: VolumeRecord): string {
    const { dir } = this.#options;
    if (dir !== undefined) return join(dir, name);
    throw new HostError(
      'invalid',
      'volume.no_dir',
      'This host has no folder for volumes of the driver "dir": set HEARTH_VOLUME_DIR to where one is mounted.',
    );
  }

  #data(volume: VolumeRecord): string {
    return join(this.#place(volume), 'data');
  }

  #snapshot(volume: VolumeRecord, snapshot: string): string {
    return join(this.#place(volume), 'snapshots', snapshot);
  }
}

/** With owners where there are any, modes, times and holes; whole or not there at all. */
async function copyTree(source: string, target: string): Promise<void> {
  const draft = join(target, '..', `.new-${randomUUID()}`);
  const how = ['--archive', '--sparse=always', '--reflink=auto'];
  const isOfAnyone = ((await stat(source)).mode & 0o777) === 0o777; // see #makeData
  if (isOfAnyone) how.push('--no-preserve=ownership');
  const args = [...how, '--', source, draft];
  try {
    await exec('cp', args, { timeoutMs: copyLimitMs });
    await rename(draft, target);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function usage(path: string): Promise<number> {
  const args = ['--summarize', '--block-size=1', '--', path];
  const { stdout } = await exec('du', args, { timeoutMs: copyLimitMs });
  return Number.parseInt(stdout, 10);
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
