import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { HostError } from '../domain/errors.ts';
import type { Runtime } from '../domain/function.ts';
import type { Digest } from '../domain/ids.ts';
import type { BaseImageBuilder, EnsuredImage, ImageResolver } from '../domain/image.ts';
import { SingleFlight } from '../lib/single-flight.ts';
import type { BlobStore } from './blob-store.ts';
import type { ImageIndex } from './image-index.ts';
import type { LayerStore } from './layer-store.ts';
import { layerTar } from './layer-tar.ts';
import { mediaTypes, readImage, writeImage, type Descriptor } from './manifest.ts';
import { architecture } from './platform.ts';
import { pulledBase } from './pulled-base.ts';
import { planBaseImage, type BaseImageOptions, type BaseImagePlan } from './recipe.ts';
import { planReferencedBase } from './referenced-base.ts';

/** What a runtime's base image is called in the index. */
const baseImageName = (runtime: Runtime): string => `hearth/${runtime}`;

/** By which a later start sees that nothing has changed. */
const recipeLabel = 'dev.hearth.recipe';

/** The image of a registry that is below, as it was configured. */
const referenceLabel = 'dev.hearth.base';

export interface RecipeImageBuilderOptions extends BaseImageOptions {
  readonly blobs: BlobStore;
  readonly index: ImageIndex;
  readonly layers: LayerStore;
  /** Finds the images that are taken instead of the machine's programs, as far as they are admitted. */
  readonly resolver: ImageResolver;
}

/**
 * Builds base images from the machine's own programs, without a registry, or on top of an image that
 * is configured.
 */
export class RecipeImageBuilder implements BaseImageBuilder {
  readonly #blobs: BlobStore;
  readonly #index: ImageIndex;
  readonly #options: RecipeImageBuilderOptions;
  readonly #flights = new SingleFlight<Runtime, EnsuredImage>();
  /** A process keeps to what it found or built first, whatever is installed meanwhile. */
  readonly #ensured = new Map<Runtime, Digest>();

  constructor(options: RecipeImageBuilderOptions) {
    this.#blobs = options.blobs;
    this.#index = options.index;
    this.#options = options;
  }

  async ensure(runtime: Runtime): Promise<EnsuredImage> {
    const known = this.#ensured.get(runtime);
    return known ? { digest: known, built: false } : await this.refresh(runtime);
  }

  async refresh(runtime: Runtime): Promise<EnsuredImage> {
    return await this.#flights.run(runtime, async () => {
      const ensured = await this.#ensure(runtime);
      this.#ensured.set(runtime, ensured.digest);
      return ensured;
    });
  }

  async find(runtime: Runtime): Promise<Digest> {
    const base = await this.#index.find(baseImageName(runtime));
    if (base) return base.digest;
    throw new HostError(
      'unavailable',
      'image.no_base',
      `The base image of ${runtime} has not been built on this host: deploying a function for it does.`,
    );
  }

  async #ensure(runtime: Runtime): Promise<EnsuredImage> {
    const existing = await this.#index.find(baseImageName(runtime));
    const labels = existing ? await this.#labelsOf(existing.digest) : {};
    const plan = await this.#plan(runtime, labels[referenceLabel]);
    const key = await keyOf(plan);
    if (existing && labels[recipeLabel] === key) return { digest: existing.digest, built: false };
    const image = await this.#build(plan, key);
    await this.#index.set(baseImageName(runtime), image);
    return { digest: image.digest, built: true };
  }

  /** `before`: what an existing one was made from; unless it has changed, its registry may be away. */
  async #plan(runtime: Runtime, before: string | undefined): Promise<BaseImagePlan> {
    const { baseReferences = {}, resolver, layers } = this.#options;
    const reference = baseReferences[runtime];
    if (reference === undefined) return await planBaseImage(runtime, this.#options);
    const pull = () => resolver.resolve(reference);
    const mayBeLast = before === reference;
    const digest = await pulledBase(this.#options, runtime, pull, { mayBeLast });
    const image = await readImage(this.#blobs, digest);
    const layerDirs = await layers.unpackedAll(image);
    const below = { ...image, digest, reference, layerDirs };
    return await planReferencedBase(runtime, this.#options, below);
  }

  async #build({ recipe, layers, below }: BaseImagePlan, key: string): Promise<Descriptor> {
    const descriptors: Descriptor[] = [];
    for (const entries of layers) {
      const { digest, sizeBytes } = await this.#blobs.put(layerTar(entries));
      descriptors.push({ mediaType: mediaTypes.layer, digest, size: sizeBytes });
    }
    const config = {
      architecture,
      os: 'linux',
      config: {
        User: '1000:1000',
        Env: recipe.env,
        Entrypoint: recipe.entrypoint,
        WorkingDir: '/var/task',
        Labels: {
          [recipeLabel]: key,
          ...(below ? { [referenceLabel]: below.reference } : {}),
        },
      },
      rootfs: {
        type: 'layers',
        diff_ids: [
          ...(below?.config.rootfs.diff_ids ?? []),
          ...descriptors.map(({ digest }) => digest),
        ],
      },
    } as const;
    return await writeImage(this.#blobs, config, [
      ...(below?.manifest.layers ?? []),
      ...descriptors,
    ]);
  }

  async #labelsOf(digest: Digest): Promise<Readonly<Record<string, string>>> {
    const { config } = await readImage(this.#blobs, digest);
    return config.config.Labels ?? {};
  }
}

/** Content up to this size is compared; of larger files only size and time, as make does. */
const comparedBytes = 1024 * 1024;

/** Changes when anything changes that the image is made of. */
async function keyOf({ recipe, layers, below }: BaseImagePlan): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(recipe));
  if (below) hash.update(below.digest);
  for (const [path, entry] of layers.flatMap((entries) => [...entries])) {
    hash.update(`\0${path}\0`);
    if (entry.type === 'file') {
      hash.update(entry.content);
    } else if (entry.type === 'copy') {
      const { size, mtimeMs } = await stat(entry.source);
      hash.update(size > comparedBytes ? `${size} ${mtimeMs}` : await readFile(entry.source));
    } else {
      hash.update(JSON.stringify(entry));
    }
  }
  return hash.digest('hex');
}
