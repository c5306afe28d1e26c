import { HostError } from '../domain/errors.ts';
import { isDigest, type Digest } from '../domain/ids.ts';
import type { ImageResolver } from '../domain/image.ts';
import type { ImageCatalog, ImageTransfer } from '../domain/image-catalog.ts';
import { parseImageReference } from '../domain/image-reference.ts';
import { imageTransferLimitMs } from '../domain/limits.ts';
import type { BlobStore } from './blob-store.ts';
import { readImage } from './manifest.ts';
import { manifestLimitBytes, parseManifest } from './manifest-content.ts';
import { chooseManifest } from './platform.ts';

export interface ImageSourcesOptions {
  readonly blobs: BlobStore;
  readonly catalog: Pick<ImageCatalog, 'pull'>;
  /** Throws HostError `forbidden` where an image without a name, of an archive, may not be used. */
  readonly admitUnnamed: (digest: Digest) => Promise<void>;
}

/**
 * Where images of users' own come from: what is stored here, by its digest or the name that it was
 * pushed under, else a registry.
 */
export class ImageSources implements ImageResolver {
  readonly #options: ImageSourcesOptions;
  readonly #blobs: BlobStore;

  constructor(options: ImageSourcesOptions) {
    this.#options = options;
    this.#blobs = options.blobs;
  }

  async resolve(reference: string, onProgress?: ImageTransfer['onProgress']): Promise<Digest> {
    const digest = await this.#forThisMachine(await this.#find(reference, onProgress));
    const { manifest } = await readImage(this.#blobs, digest);
    for (const layer of manifest.layers) {
      if (!(await this.#blobs.has(layer.digest))) throw notStored(reference);
    }
    return digest;
  }

  async #find(reference: string, onProgress: ImageTransfer['onProgress']): Promise<Digest> {
    if (!isDigest(reference)) {
      const signal = AbortSignal.timeout(imageTransferLimitMs);
      const transfer = onProgress ? { signal, onProgress } : { signal };
      return await this.#options.catalog.pull(parseImageReference(reference), transfer);
    }
    if (!(await this.#blobs.has(reference))) throw notStored(reference);
    await this.#options.admitUnnamed(reference);
    return reference;
  }

  async #forThisMachine(digest: Digest): Promise<Digest> {
    const { children } = parseManifest(await this.#blobs.readSmall(digest, manifestLimitBytes));
    return children.length > 0 ? chooseManifest({ manifests: children }).digest : digest;
  }
}

function notStored(reference: string): HostError {
  return new HostError(
    'not_found',
    'image.not_stored',
    `The image ${reference.slice(0, 300)} is not on this host, or not whole.`,
  );
}
