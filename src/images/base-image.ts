import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HostError } from '../domain/errors.ts';
import type { Runtime } from '../domain/function.ts';
import type { Digest } from '../domain/ids.ts';
import type { BaseImageBuilder } from '../domain/image.ts';
import { exec } from '../lib/exec.ts';
import type { BlobStore } from './blob-store.ts';
import type { ImageIndex } from './image-index.ts';
import { layerTar, type LayerEntries, type LayerEntry } from './layer-tar.ts';
import { mediaTypes, readImage, writeImage } from './manifest.ts';
import { skeleton } from './skeleton.ts';

/** `runtime/<name>/recipe.json`: what makes a base image out of what is on the machine. */
interface Recipe {
  /** Path in the image → which program of the machine; its libraries come with it. */
  readonly programs: Readonly<Record<string, 'node' | 'init'>>;
  /** The folder beside the recipe's whose modules are the bootstrap. */
  readonly bootstrap: string;
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
}

export interface BaseImageOptions {
  /** The project's `runtime/` folder. */
  readonly runtimeDir: string;
  /** Programs on this machine that recipes may name. */
  readonly programs: Readonly<Record<'node' | 'init', string>>;
}

/** What a runtime's base image is called in the index. */
const baseImageName = (runtime: Runtime): string => `hearth/${runtime}`;

/** By which a later start sees that nothing has changed. */
const recipeLabel = 'dev.hearth.recipe';

const bootstrapFolder = 'usr/lib/hearth';
const certificates = '/etc/ssl/certs/ca-certificates.crt';

/** Builds base images from the machine's own programs: no image registry is needed. */
export class RecipeImageBuilder implements BaseImageBuilder {
  readonly #blobs: BlobStore;
  readonly #index: ImageIndex;
  readonly #options: BaseImageOptions;

  constructor(blobs: BlobStore, index: ImageIndex, options: BaseImageOptions) {
    this.#blobs = blobs;
    this.#index = index;
    this.#options = options;
  }

  async ensure(runtime: Runtime): Promise<{ digest: Digest; built: boolean }> {
    const { runtimeDir } = this.#options;
    const text = await readFile(join(runtimeDir, runtime, 'recipe.json'), 'utf8');
    const recipe = JSON.parse(text) as Recipe;
    const entries = await this.#entries(recipe);
    const key = await keyOf(text, entries);
    const existing = await this.#index.find(baseImageName(runtime));
    if (existing && (await this.#recipeOf(existing.digest)) === key) {
      return { digest: existing.digest, built: false };
    }
    const layer = await this.#blobs.put(layerTar(entries));
    const config = {
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: {
        User: '1000:1000',
        Env: recipe.env,
        Entrypoint: recipe.entrypoint,
        WorkingDir: '/var/task',
        Labels: { [recipeLabel]: key },
      },
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    } as const;
    const image = await writeImage(this.#blobs, config, [
      { mediaType: mediaTypes.layer, digest: layer.digest, size: layer.sizeBytes },
    ]);
    await this.#index.set(baseImageName(runtime), image);
    return { digest: image.digest, built: true };
  }

  async find(runtime: Runtime): Promise<Digest> {
    const base = await this.#index.find(baseImageName(runtime));
    if (base) return base.digest;
    throw new HostError(
      'unavailable',
      'image.no_base',
      `The base image of ${runtime} has not been built on this host: start it with "hearth up".`,
    );
  }

  async #recipeOf(digest: Digest): Promise<string | undefined> {
    const { config } = await readImage(this.#blobs, digest);
    return config.config.Labels?.[recipeLabel];
  }

  async #entries(recipe: Recipe): Promise<LayerEntries> {
    const entries = new Map<string, LayerEntry>(skeleton);
    for (const [path, name] of Object.entries(recipe.programs)) {
      const program = this.#options.programs[name];
      entries.set(path.slice(1), { type: 'copy', source: program });
      for (const library of await librariesOf(program)) {
        entries.set(library.slice(1), { type: 'copy', source: library });
      }
    }
    const bootstrapDir = join(this.#options.runtimeDir, recipe.bootstrap);
    for (const name of await readdir(bootstrapDir)) {
      if (!name.endsWith('.mjs')) continue;
      entries.set(`${bootstrapFolder}/${name}`, {
        type: 'copy',
        source: join(bootstrapDir, name),
      });
    }
    if (await stat(certificates).catch(() => undefined)) {
      entries.set(certificates.slice(1), { type: 'copy', source: certificates });
    }
    return entries;
  }
}

/** The shared libraries a program loads, and its loader; none for a static program. */
async function librariesOf(program: string): Promise<readonly string[]> {
  try {
    const { stdout } = await exec('ldd', [program]);
    return [...stdout.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? '');
  } catch (error) {
    if (String(error).includes('not a dynamic executable')) return [];
    throw new HostError(
      'unavailable',
      'image.no_program',
      `The base image needs ${program}, which cannot be read on this machine.`,
      { cause: error },
    );
  }
}

/** Content up to this size is compared; of larger files only size and time, as make does. */
const comparedBytes = 1024 * 1024;

/** Changes when anything changes that the image is made of. */
async function keyOf(recipe: string, entries: LayerEntries): Promise<string> {
  const hash = createHash('sha256').update(recipe);
  for (const [path, entry] of entries) {
    hash.update(`\0${path}\0`);
    if (entry.type !== 'copy') {
      hash.update(JSON.stringify(entry));
      continue;
    }
    const { size, mtimeMs } = await stat(entry.source);
    hash.update(size > comparedBytes ? `${size} ${mtimeMs}` : await readFile(entry.source));
  }
  return hash.digest('hex');
}
