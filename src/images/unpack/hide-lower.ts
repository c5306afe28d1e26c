import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { makeOpaque, makeWhiteout } from '../../linux/index.ts';
import { parseTarPath, unsafe } from '../tar-path.ts';
import type { LayerMarks } from './layer-folder.ts';

/**
 * Marks in an unpacked layer what it hides of lower ones, as overlayfs has it. The jail cannot: that
 * takes rights of the host. So what it says is checked again, and nobody else writes there.
 * @throws HostError `invalid` when a path leads through anything but folders of the layer.
 */
export async function hideLower(dir: string, { whiteouts, opaque }: LayerMarks): Promise<void> {
  for (const path of opaque) {
    await checkFolders(dir, path.split('/'));
    makeOpaque(join(dir, parseTarPath(path)));
  }
  for (const path of whiteouts) {
    await checkFolders(dir, path.split('/').slice(0, -1));
    makeWhiteout(join(dir, parseTarPath(path)));
  }
}

async function checkFolders(dir: string, parts: readonly string[]): Promise<void> {
  for (let count = 0; count <= parts.length; count++) {
    const path = parts.slice(0, count).join('/');
    if (!(await lstat(join(dir, path))).isDirectory()) throw unsafe(path, 'it is not a folder');
  }
}
