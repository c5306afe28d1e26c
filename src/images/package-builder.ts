import type { Readable } from 'node:stream';
import { HostError } from '../domain/errors.ts';
import type { FunctionSpec } from '../domain/function.ts';
import type { Digest } from '../domain/ids.ts';
import type { BaseImageBuilder, ImageResolver, PackageBuilder } from '../domain/image.ts';
import type { ImageTransfer } from '../domain/image-catalog.ts';
import type { BlobStore } from './blob-store.ts';
import { layerTar, type LayerEntries } from './layer-tar.ts';
import { mediaTypes, readImage, writeImage, type ImageConfig } from './manifest.ts';
import { readPackage } from './package-reader.ts';
import { supportLayer } from './support-layer.ts';

/** Where a function finds its own files. */
export const taskFolder = 'var/task';

/** Where a version's settings are recorded in its image. */
const specLabel = 'dev.hearth.function';

export interface PackageBuilderOptions {
  readonly blobs: BlobStore;
  readonly bases: Pick<BaseImageBuilder, 'ensure'>;
  /** Finds images of users' own. */
  readonly resolver: ImageResolver;
  /** The first process of images of users' own: a static program on this machine. */
  readonly init: string;
}

/** What a version is made of: an image, and one layer on top of it. */
interface VersionParts {
  readonly base: Digest;
  readonly top: LayerEntries;
}

/**
 * Makes function versions: the layers of the runtime's base image and one of the package; or those of
 * an image of the user's own and one of what every sandbox needs.
 */
export class LayeredPackageBuilder implements PackageBuilder {
  readonly #options: PackageBuilderOptions;
  readonly #blobs: BlobStore;

  constructor(options: PackageBuilderOptions) {
    this.#options = options;
    this.#blobs = options.blobs;
  }

  async build(
    spec: FunctionSpec,
    packageTar: Readable,
    onProgress?: ImageTransfer['onProgress'],
  ): Promise<Digest> {
    const { base, top } = await this.#parts(spec, await readPackage(packageTar), onProgress);
    const { manifest, config } = await readImage(this.#blobs, base);
    const layer = await this.#blobs.put(layerTar(top));
    const versionConfig: ImageConfig = {
      ...config,
      config: {
        ...config.config,
        Labels: { ...config.config.Labels, [specLabel]: canonicalJson(spec) },
      },
      rootfs: { type: 'layers', diff_ids: [...config.rootfs.diff_ids, layer.digest] },
    };
    const image = await writeImage(this.#blobs, versionConfig, [
      ...manifest.layers,
      { mediaType: mediaTypes.layer, digest: layer.digest, size: layer.sizeBytes },
    ]);
    return image.digest;
  }

  async #parts(
    { runtime, entry, image }: FunctionSpec,
    files: LayerEntries,
    onProgress: ImageTransfer['onProgress'],
  ): Promise<VersionParts> {
    const { bases, resolver, init } = this.#options;
    if (runtime === 'image') {
      if (files.size > 0) throw filesBesideImage();
      const base = await resolver.resolve(image?.reference ?? '', onProgress);
      return { base, top: supportLayer(init) };
    }
    if (!files.has(entry)) throw noEntry(entry);
    const placed = [...files].map(([path, file]) => [`${taskFolder}/${path}`, file] as const);
    return { base: (await bases.ensure(runtime)).digest, top: new Map(placed) };
  }
}

/** JSON whose text does not depend on the order in which keys were written. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

function filesBesideImage(): HostError {
  return new HostError(
    'invalid',
    'package.files_beside_image',
    'A function that is an image has its files in the image; its package has hearth.json only.',
  );
}

function noEntry(entry: string): HostError {
  return new HostError(
    'invalid',
    'package.no_entry',
    `The package has no file "${entry}", which hearth.json names as its entry.`,
  );
}
