import { HostError } from '../domain/errors.ts';
import type { Runtime } from '../domain/function.ts';
import { lookUp } from './layer-lookup.ts';
import type { LayerEntry } from './layer-tar.ts';
import {
  bootstrapFiles,
  readRecipe,
  type BaseImageOptions,
  type BaseImagePlan,
  type Recipe,
  type ReferencedImage,
} from './recipe.ts';
import { mountPoints } from './skeleton.ts';

/**
 * On top of the image come the bootstrap, a first process and the folders in which something is
 * mounted; the language's program is looked for where the image's PATH leads.
 * @throws HostError `invalid` when it is not there.
 */
export async function planReferencedBase(
  runtime: Runtime,
  { runtimeDir, programs }: BaseImageOptions,
  below: ReferencedImage,
): Promise<BaseImagePlan> {
  const recipe = await readRecipe(runtime, runtimeDir);
  const own = below.config.config.Env ?? [];
  const entries = new Map<string, LayerEntry>([
    ...mountPoints,
    ['usr/bin/hearth-init', { type: 'copy', source: programs.init }],
    ...(await bootstrapFiles(recipe, runtimeDir)),
  ]);
  const programsThere = new Map<string, string>();
  for (const path of Object.keys(recipe.programs)) {
    programsThere.set(path, await findProgram(path, own, below));
  }
  const entrypoint = recipe.entrypoint.map((word) => programsThere.get(word) ?? word);
  return {
    recipe: { ...recipe, env: mergedEnv(own, recipe), entrypoint },
    layers: [entries],
    below,
  };
}

/** Where a program of a recipe is in another image: there, or along its PATH. */
async function findProgram(
  path: string,
  env: readonly string[],
  { reference, layerDirs }: ReferencedImage,
): Promise<string> {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const search = valueOf(env, 'PATH')?.split(':') ?? [];
  const places = [...search.map((dir) => `${dir}/${name}`), path];
  for (const place of places.filter((one) => one.startsWith('/'))) {
    if (await lookUp(layerDirs, place.slice(1))) return place;
  }
  throw new HostError(
    'invalid',
    'image.base_lacks_program',
    `HEARTH_BASE_IMAGES: the image ${reference} has no program "${name}" where its PATH leads.`,
  );
}

/** The recipe's variables hold, but for PATH. */
function mergedEnv(own: readonly string[], { env }: Recipe): readonly string[] {
  const path = valueOf(own, 'PATH');
  const wanted = env.filter((pair) => path === undefined || nameIn(pair) !== 'PATH');
  const names = new Set(wanted.map(nameIn));
  return [...own.filter((pair) => !names.has(nameIn(pair))), ...wanted];
}

const nameIn = (pair: string): string => pair.split('=', 1)[0] ?? '';

const valueOf = (env: readonly string[], name: string): string | undefined =>
  env.find((pair) => nameIn(pair) === name)?.slice(name.length + 1);
