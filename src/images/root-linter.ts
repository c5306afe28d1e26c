import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../domain/ids.ts';
import { notAnImage } from './manifest.ts';

/** Where sandboxes have something mounted. */
const mountPoints = ['proc', 'dev', 'tmp', 'var/task'];

/**
 * Refuses images in which a mount point is missing or leads elsewhere: OCI runtimes have been made
 * to mount over the host by links in these places. @throws HostError `invalid`.
 */
export async function lintRoot(digest: Digest, layerDirs: readonly string[]): Promise<void> {
  for (const mountPoint of mountPoints) {
    const parts = mountPoint.split('/');
    for (let i = 1; i <= parts.length; i++) {
      const path = parts.slice(0, i).join('/');
      if (!(await isFolder(layerDirs, path))) {
        throw notAnImage(digest, `its /${path} is not a folder`);
      }
    }
  }
}

/** The topmost layer that has anything there decides. */
async function isFolder(layerDirs: readonly string[], path: string): Promise<boolean> {
  for (const dir of layerDirs) {
    const found = await lstat(join(dir, path)).catch(() => undefined);
    if (found) return found.isDirectory();
  }
  return false;
}
