import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ifThere } from '../../lib/durable-file.ts';

/** Of things about which it is settled that they go: they may be half removed. */
const settledSuffix = '.gone';

/**
 * Where things go that are to be removed: out of the way of who looks for them, but not gone until
 * it has been checked once more that nobody needs them.
 */
export class Trash {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Removes a path unless `isNeeded` says otherwise once it is out of the way. True if removed. */
  async discard(path: string, isNeeded: (path: string) => Promise<boolean>): Promise<boolean> {
    await mkdir(this.#dir, { recursive: true, mode: 0o711 });
    const away = join(this.#dir, basename(path));
    const moved = await ifThere(rename(path, away).then(() => true));
    if (!moved) return false;
    if (await isNeeded(away)) {
      await rename(away, path);
      return false;
    }
    await rename(away, `${away}${settledSuffix}`);
    await rm(`${away}${settledSuffix}`, { recursive: true, force: true });
    return true;
  }

  /** After an interrupted collection: what was not settled goes back, the rest goes for good. */
  async recover(home: string): Promise<void> {
    for (const name of (await ifThere(readdir(this.#dir))) ?? []) {
      // Where it fails, what is needed was made anew meanwhile.
      if (!name.endsWith(settledSuffix)) {
        await rename(join(this.#dir, name), join(home, name)).catch(() => {});
      }
      await rm(join(this.#dir, name), { recursive: true, force: true });
    }
  }
}
