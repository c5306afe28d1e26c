import type { Digest } from '../domain/ids.ts';
import { lookUp } from './layer-lookup.ts';
import { notAnImage } from './manifest.ts';

/** Where sandboxes have something mounted. */
const mountPoints = ['proc', 'dev', 'tmp'];

/**
 * Nothing is mounted at /sys, and at the task folder only for language runtimes, whose images have
 * it: an image of the user's own may lack both.
 */
const optional = ['sys', 'var/task'];

/**
 * Refuses images in which a mount point is missing or leads elsewhere: OCI runtimes have been made
 * to mount over the host by links in these places. @throws HostError `invalid`.
 */
export async function lintRoot(digest: Digest, layerDirs: readonly string[]): Promise<void> {
  for (const path of mountPoints) await lintPath(path, { digest, layerDirs, isOptional: false });
  for (const path of optional) await lintPath(path, { digest, layerDirs, isOptional: true });
}

interface Root {
  readonly digest: Digest;
  readonly layerDirs: readonly string[];
  readonly isOptional: boolean;
}

/** Each part of the path has to be a folder, as far as it is there. */
async function lintPath(path: string, { digest, layerDirs, isOptional }: Root): Promise<void> {
  const parts = path.split('/');
  for (let count = 1; count <= parts.length; count += 1) {
    const part = parts.slice(0, count).join('/');
    const found = await lookUp(layerDirs, part);
    if (!found && isOptional) return;
    if (!found?.isDirectory()) throw notAnImage(digest, `its /${part} is not a folder`);
  }
}
