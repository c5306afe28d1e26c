import { mkdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { PreparedImage } from '../domain/image.ts';
import { KeyedMutex } from '../lib/keyed-mutex.ts';
import { mountOverlayReadOnly, unmount } from '../linux/index.ts';

/** A root file system held for one sandbox. */
export interface RootLease extends AsyncDisposable {
  readonly path: string;
}

/**
 * One read-only overlay mount per image, shared by all its sandboxes: nothing in it can differ
 * between them. Mounted for the first, unmounted after the last.
 */
export class RootMounts {
  readonly #dir: string;
  /** By the paths of the mounts. */
  readonly #users = new Map<string, number>();
  readonly #mutex = new KeyedMutex<string>();

  constructor(dir: string) {
    this.#dir = dir;
  }

  /**
   * `mountPoints`: folders that the root shall have whether the image has them or not, and real ones
   * whatever it has there. They belong to the version: one image has always the same, or none.
   */
  async lease(image: PreparedImage, mountPoints: readonly string[] = []): Promise<RootLease> {
    const name = image.digest.slice('sha256:'.length);
    const path = join(this.#dir, mountPoints.length > 0 ? `${name}+` : name);
    await this.#mutex.run(path, async () => {
      const users = this.#users.get(path) ?? 0;
      if (users === 0) {
        await mkdir(path, { recursive: true, mode: 0o711 });
        const added = await makeMountPoints(`${path}.mountpoints`, mountPoints);
        mountOverlayReadOnly([...added, ...image.layerDirs], path);
      }
      this.#users.set(path, users + 1);
    });
    let held = true;
    return {
      path,
      [Symbol.asyncDispose]: async () => {
        if (!held) return;
        held = false;
        await this.#mutex.run(path, () => this.#release(path));
      },
    };
  }

  async #release(path: string): Promise<void> {
    const users = (this.#users.get(path) ?? 1) - 1;
    if (users > 0) {
      this.#users.set(path, users);
      return;
    }
    this.#users.delete(path);
    unmount(path, { detach: true });
    await rmdir(path);
    await rm(`${path}.mountpoints`, { recursive: true, force: true });
  }
}

/** A layer with nothing but empty folders, if any are needed. */
async function makeMountPoints(
  layerDir: string,
  mountPoints: readonly string[],
): Promise<readonly string[]> {
  for (const path of mountPoints) {
    await mkdir(join(layerDir, path), { recursive: true, mode: 0o755 });
  }
  return mountPoints.length > 0 ? [layerDir] : [];
}
