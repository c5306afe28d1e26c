import type { Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { ifThere } from '../lib/durable-file.ts';
import { isOpaque } from '../linux/index.ts';

/**
 * What is at a path in layers that lie on one another, topmost first, as overlayfs shows them;
 * links are not followed. `undefined` where there is nothing.
 */
export async function lookUp(
  layerDirs: readonly string[],
  path: string,
): Promise<Stats | undefined> {
  const parts = path.split('/');
  for (const dir of layerDirs) {
    let hidesLower = false;
    for (let count = 1; count <= parts.length; count++) {
      const place = join(dir, ...parts.slice(0, count));
      const found = await ifThere(lstat(place));
      if (!found) break;
      if (isWhiteout(found)) return undefined;
      if (count === parts.length) return found;
      if (!found.isDirectory()) return undefined; // it hides the folder of lower layers
      hidesLower ||= isOpaque(place);
    }
    if (hidesLower) return undefined;
  }
  return undefined;
}

const isWhiteout = (stats: Stats): boolean => stats.isCharacterDevice() && stats.rdev === 0;
