import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { HostError } from '../domain/errors.ts';
import type { Runtime } from '../domain/function.ts';
import type { Digest } from '../domain/ids.ts';
import type { BaseImageBuilder, EnsuredImage } from '../domain/image.ts';
import { SingleFlight } from '../lib/single-flight.ts';
import type { BlobStore } from './blob-store.ts';
import type { ImageIndex } from './image-index.ts';
import { layerTar } from './layer-tar.ts';
import { mediaTypes, readImage, writeImage, type Descriptor } from './manifest.ts';
import { architecture } from './platform.ts';
import { planBaseImage, type BaseImageOptions, type BaseImagePlan } from './recipe.ts';

/** What a runtime's base image is called in the index. */
const baseImageName = (runtime: Runtime): string => `hearth/${runtime}`;

/** By which a later start sees that nothing has changed. */
const recipeLabel = 'dev.hearth.recipe';

/** Builds base images from the machine's own programs: no image registry is needed. */
export class RecipeImageBuilder implements BaseImageBuilder {
  readonly #blobs: BlobStore;
  readonly #index: ImageIndex;
  readonly #options: BaseImageOptions;
  readonly #flights = new SingleFlight<Runtime, EnsuredImage>();
  /** A process keeps to what it found or built first, whatever is installed meanwhile. */
  readonly #ensured = new Map<Runtime, Digest>();

  constructor(blobs: BlobStore, index: ImageIndex, options: BaseImageOptions) {
    this.#blobs = blobs;
    this.#index = index;
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
    const plan = await planBaseImage(runtime, this.#options);
    const key = await keyOf(plan);
    const existing = await this.#index.find(baseImageName(runtime));
    if (existing && (await this.#recipeOf(existing.digest)) === key) {
      return { digest: existing.digest, built: false };
    }
    const image = await this.#build(plan, key);
    await this.#index.set(baseImageName(runtime), image);
    return { digest: image.digest, built: true };
  }

  async #build({ recipe, layers }: BaseImagePlan, key: string): Promise<Descriptor> {
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
        Labels: { [recipeLabel]: key },
      },
      rootfs: { type: 'layers', diff_ids: descriptors.map(({ digest }) => digest) },
    } as const;
    return await writeImage(this.#blobs, config, descriptors);
  }

  async #recipeOf(digest: Digest): Promise<string | undefined> {
    const { config } = await readImage(this.#blobs, digest);
    return config.config.Labels?.[recipeLabel];
  }
}

/** Content up to this size is compared; of larger files only size and time, as make does. */
const comparedBytes = 1024 * 1024;

/** Changes when anything changes that the image is made of. */
async function keyOf({ recipe, layers }: BaseImagePlan): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(recipe));
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
