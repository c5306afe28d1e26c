import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Runtime } from '../domain/function.ts';
import { fileTree } from './file-tree.ts';
import type { LayerEntries, LayerEntry } from './layer-tar.ts';
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
}

/** A recipe and the files it comes to. */
export interface BaseImagePlan {
  readonly recipe: Recipe;
  /** Lowest first. Layers that are alike in several images are stored once. */
  readonly layers: readonly LayerEntries[];
}

const bootstrapFolder = 'usr/lib/hearth';
const bootstrapFile = /\.(mjs|py)$/;

/** @throws HostError `unavailable` that names the program that is not on this machine. */
export async function planBaseImage(
  runtime: Runtime,
  { runtimeDir, programs }: BaseImageOptions,
): Promise<BaseImagePlan> {
  const text = await readFile(join(runtimeDir, runtime, 'recipe.json'), 'utf8');
  const recipe = JSON.parse(text) as Recipe;
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
  const bootstrap = await fileTree(join(runtimeDir, recipe.bootstrap), bootstrapFolder);
  for (const [path, entry] of bootstrap) {
    if (bootstrapFile.test(path)) entries.set(path, entry);
  }
  return { recipe, layers: [await commonFiles(programs.init), entries] };
}

function isSharedObject(path: string): boolean {
  return path.endsWith('.so');
}
