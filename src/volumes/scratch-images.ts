import { chmod, mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HostError } from '../domain/errors.ts';
import type { ScratchDisk, ScratchDisks } from '../domain/volume.ts';
import { exec } from '../lib/exec.ts';
import { formatBytes } from '../lib/units.ts';
import { unmount } from '../linux/index.ts';
import { mountImage, openImageFolders } from './image-mounts.ts';
import { scratchOnDisk } from './mount-plan.ts';

export interface ScratchImagesOptions {
  /** For images while they are being made, on the disk that scratch volumes take room of. */
  readonly dir: string;
  /** Where they are mounted; only this process and the sandboxes see it. */
  readonly mountsDir: string;
}

/** Never discards: that would give reserved room away. Need not be safe from a power cut either. */
const mountData = 'errors=remount-ro,nodiscard,barrier=0';

/**
 * Scratch volumes on disk: ext4 images on loop devices, whose files have no name any more once they
 * are mounted. So the kernel gives their room back when the last mount is gone, whoever was killed.
 * All of the room is reserved beforehand: a full one says ENOSPC inside, and never because of others.
 */
export class ScratchImages implements ScratchDisks {
  readonly #options: ScratchImagesOptions;

  constructor(options: ScratchImagesOptions) {
    this.#options = options;
  }

  /** Removes what a worker that was killed was just making. */
  async removeLeftovers(): Promise<void> {
    const { dir, mountsDir } = this.#options;
    await openImageFolders(dir, mountsDir);
    for (const name of await readdir(dir)) await rm(join(dir, name));
  }

  async make(
    bytes: number,
    { id, ids }: Parameters<ScratchDisks['make']>[1],
  ): Promise<ScratchDisk> {
    const image = join(this.#options.dir, id);
    const target = join(this.#options.mountsDir, id);
    await using stack = new AsyncDisposableStack();
    await mkdir(target, { mode: 0o711 });
    stack.defer(() => rmdir(target));
    try {
      await reserve(image, bytes);
      await format(image, ids.firstId);
      await mountImage(image, target, mountData);
    } finally {
      await rm(image, { force: true });
    }
    stack.defer(() => unmount(target, { detach: true }));
    await rmdir(join(target, 'lost+found')); // so that it is as empty as it looks
    await chmod(target, 0o1777);
    const held = stack.move();
    return { mount: scratchOnDisk(target), [Symbol.asyncDispose]: () => held.disposeAsync() };
  }
}

async function reserve(image: string, bytes: number): Promise<void> {
  try {
    await exec('fallocate', ['--length', String(bytes), '--', image]);
  } catch (cause) {
    throw new HostError(
      'unavailable',
      'scratch.no_room',
      `The disk of the node has no room for a scratch volume of ${formatBytes(bytes)}.`,
      { cause, retryAfterMs: 5_000 },
    );
  }
}

/** No journal: nothing in it outlives its sandbox. All of it is for the function. */
async function format(image: string, ownerId: number): Promise<void> {
  const lazily = 'nodiscard,lazy_itable_init=1';
  const extended = `${lazily},root_owner=${ownerId}:${ownerId}`;
  const options = ['-O', '^has_journal', '-b', '4096', '-m', '0', '-E', extended];
  await exec('mkfs.ext4', ['-q', '-F', ...options, '--', image]);
}
