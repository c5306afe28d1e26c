import type { Digest } from '../domain/ids.ts';
import { lookUp } from './layer-lookup.ts';
import { notAnImage } from './manifest.ts';

/** Where sandboxes have something mounted. */
const mountPoints = ['proc', 'dev', 'tmp'];

/** Where those of language runtimes have; an image of the user's own need not have it. */
const taskFolder = 'var/task';

/**
 * Refuses images in which a mount point is missing or leads elsewhere: OCI runtimes have been made
 * to mount over the host by links in these places. @throws HostError `invalid`.
 */
export async function lintRoot(digest: Digest, layerDirs: readonly string[]): Promise<void> {
  const hasTaskFolder = (await lookUp(layerDirs, taskFolder)) !== undefined;
  for (const mountPoint of hasTaskFolder ? [...mountPoints, taskFolder] : mountPoints) {
    const parts = mountPoint.split('/');
    for (let i = 1; i <= parts.length; i++) {
      const path = parts.slice(0, i).join('/');
      const found = await lookUp(layerDirs, path);
      if (!found?.isDirectory()) throw notAnImage(digest, `its /${path} is not a folder`);
    }
  }
  const sys = await lookUp(layerDirs, 'sys'); // nothing is mounted there, so it may be missing
  if (sys && !sys.isDirectory()) throw notAnImage(digest, 'its /sys is not a folder');
}
