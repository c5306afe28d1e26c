import { HostError } from '../domain/errors.ts';
import type { Runtime } from '../domain/function.ts';
import type { Digest } from '../domain/ids.ts';
import type { BlobStore } from './blob-store.ts';
import type { ImageIndex } from './image-index.ts';
import { manifestLimitBytes, parseManifest } from './manifest-content.ts';

/** It has a name of its own, so that garbage collection keeps it. */
const nameOf = (runtime: Runtime): string => `hearth/pulled/${runtime}`;

/**
 * What a runtime's base image is at a registry now, as `pull` stores it; where that cannot be asked,
 * what it was last, unless `mayBeLast` is false.
 */
export async function pulledBase(
  { blobs, index }: { readonly blobs: BlobStore; readonly index: ImageIndex },
  runtime: Runtime,
  pull: () => Promise<Digest>,
  { mayBeLast } = { mayBeLast: true },
): Promise<Digest> {
  try {
    const digest = await pull();
    const content = await blobs.readSmall(digest, manifestLimitBytes);
    const { mediaType } = parseManifest(content);
    await index.set(nameOf(runtime), { mediaType, digest, size: content.length });
    return digest;
  } catch (error) {
    const isAway = error instanceof HostError && error.code === 'unavailable';
    const last = isAway && mayBeLast ? await index.find(nameOf(runtime)) : undefined;
    if (last) return last.digest;
    throw error;
  }
}
