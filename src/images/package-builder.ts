import type { Readable } from 'node:stream';
import { HostError } from '../domain/errors.ts';
import type { FunctionSpec } from '../domain/function.ts';
import type { Digest } from '../domain/ids.ts';
import type { BaseImageBuilder, PackageBuilder } from '../domain/image.ts';
import type { BlobStore } from './blob-store.ts';
import { layerTar } from './layer-tar.ts';
import { mediaTypes, readImage, writeImage, type ImageConfig } from './manifest.ts';
import { readPackage } from './package-reader.ts';

/** Where a function finds its own files. */
export const taskFolder = 'var/task';

/** Where a version's settings are recorded in its image. */
const specLabel = 'dev.hearth.function';

/** Makes function versions: the layers of the runtime's base image and one of the package. */
export class LayeredPackageBuilder implements PackageBuilder {
  readonly #blobs: BlobStore;
  readonly #bases: Pick<BaseImageBuilder, 'ensure'>;

  constructor(blobs: BlobStore, bases: Pick<BaseImageBuilder, 'ensure'>) {
    this.#blobs = blobs;
    this.#bases = bases;
  }

  async build(spec: FunctionSpec, packageTar: Readable): Promise<Digest> {
    const files = await readPackage(packageTar);
    if (!files.has(spec.entry)) throw noEntry(spec.entry);
    const { digest: base } = await this.#bases.ensure(spec.runtime);
    const { manifest, config } = await readImage(this.#blobs, base);
    const placed = [...files].map(([path, entry]) => [`${taskFolder}/${path}`, entry] as const);
    const layer = await this.#blobs.put(layerTar(new Map(placed)));
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
}

/** JSON whose text does not depend on the order in which keys were written. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

function noEntry(entry: string): HostError {
  return new HostError(
    'invalid',
    'package.no_entry',
    `The package has no file "${entry}", which hearth.json names as its entry.`,
  );
}
