import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Runtime } from '../domain/function.ts';
import type { Digest } from '../domain/ids.ts';
import { fileTree } from './file-tree.ts';
import type { LayerEntries, LayerEntry } from './layer-tar.ts';
import type { Image } from './manifest.ts';
import { sharedLibraries } from './shared-libraries.ts';
import { pythonLibrary } from './python-library.ts';
import { commonFiles } from './skeleton.ts';

/** `runtime/<name>/recipe.json`: what makes a base image out of what is on the machine. */
export interface Recipe {
  /** Path in the image → which program of the machine; its libraries come with it. */
  readonly programs: Readonly<Record<string, Runtime>>;
  /** The folder beside the recipe's with the bootstrap. */
  readonly bootstrap: string;
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
}

export interface BaseImageOptions {
  /** The project's `runtime/` folder. */
  readonly runtimeDir: string;
  /** Where the programs of this machine are that recipes name. */
  readonly programs: Readonly<Record<Runtime | 'init', string>>;
  /** Images that are taken instead of the machine's programs. */
  readonly baseReferences?: Readonly<Partial<Record<Runtime, string>>>;
}

/** An image of a registry that stands for the machine's own programs. */
export interface ReferencedImage extends Image {
  readonly digest: Digest;
  /** As it was configured. */
  readonly reference: string;
  /** Its layers unpacked, topmost first. */
  readonly layerDirs: readonly string[];
}

/** A recipe and the files it comes to. */
export interface BaseImagePlan {
  readonly recipe: Recipe;
  /** Lowest first. Layers that are alike in several images are stored once. */
  readonly layers: readonly LayerEntries[];
  /** An image that lies below them. */
  readonly below?: ReferencedImage;
}

const bootstrapFolder = 'usr/lib/hearth';
const bootstrapFile = /\.(mjs|py)$/;

/** @throws HostError `unavailable` that names the program that is not on this machine. */
export async function planBaseImage(
  runtime: Runtime,
  { runtimeDir, programs }: BaseImageOptions,
): Promise<BaseImagePlan> {
  const recipe = await readRecipe(runtime, runtimeDir);
  const entries = new Map<string, LayerEntry>();
  for (const [path, name] of Object.entries(recipe.programs)) {
    const source = programs[name];
    const library =
      name === 'python3' ? await pythonLibrary(source) : new Map<string, LayerEntry>();
    for (const [file, entry] of library) entries.set(file, entry);
    const binaries = [
      source,
      ...[...library.keys()].filter(isSharedObject).map((file) => `/${file}`),
    ];
    for (const file of await sharedLibraries(binaries)) {
      entries.set(file.slice(1), { type: 'copy', source: file });
    }
    entries.set(path.slice(1), { type: 'copy', source });
  }
  for (const [path, entry] of await bootstrapFiles(recipe, runtimeDir)) entries.set(path, entry);
  return { recipe, layers: [await commonFiles(programs.init), entries] };
}

export async function readRecipe(runtime: Runtime, runtimeDir: string): Promise<Recipe> {
  return JSON.parse(await readFile(join(runtimeDir, runtime, 'recipe.json'), 'utf8')) as Recipe;
}

export async function bootstrapFiles(
  { bootstrap }: Recipe,
  runtimeDir: string,
): Promise<LayerEntries> {
  const files = await fileTree(join(runtimeDir, bootstrap), bootstrapFolder);
  return new Map([...files].filter(([path]) => bootstrapFile.test(path)));
}

function isSharedObject(path: string): boolean {
  return path.endsWith('.so');
}
