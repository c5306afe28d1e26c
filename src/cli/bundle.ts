import { build, type BuildFailure, type Message } from 'esbuild';
import { HostError } from '../domain/errors.ts';
import type { Runtime } from '../domain/function.ts';

/** Files of a bundle by their names; the first is the one to load. */
export type Bundle = ReadonlyMap<string, Uint8Array>;

export const bundleEntry = 'index.mjs';

/** Bundled CommonJS modules call `require` for what Node brings; a module has none by itself. */
const requireForModules =
  "import { createRequire as hearthRequire } from 'node:module'; const require = hearthRequire(import.meta.url);";

/** Nor has it these, which say where the module lies: for all that is bundled, where the bundle does. */
const placesOfModules = {
  __dirname: 'import.meta.dirname',
  __filename: 'import.meta.filename',
};

/** Runtimes whose functions are bundled, with the language level that they know. */
const targets: Partial<Record<Runtime, string>> = {
  node22: 'node22',
  node24: 'node24',
  node26: 'node26',
  bun1: 'es2024',
};

/** What Bun brings; other runtimes have nothing of these names. */
const bunModules = ['bun', 'bun:*'];

export function isBundled(runtime: Runtime): boolean {
  return runtime in targets;
}

/**
 * A TypeScript or JavaScript entry with everything it imports as one module and its source map.
 * The same sources give the same bytes, wherever the folder is.
 * @throws HostError `invalid` with each problem's file, line and column.
 */
export async function bundle(dir: string, entry: string, runtime: Runtime): Promise<Bundle> {
  try {
    const { outputFiles } = await build({
      absWorkingDir: dir,
      entryPoints: [`./${entry}`],
      outfile: bundleEntry,
      bundle: true,
      write: false,
      platform: 'node',
      format: 'esm',
      target: targets[runtime] ?? 'esnext',
      external: runtime === 'bun1' ? bunModules : [],
      sourcemap: 'linked',
      sourcesContent: false, // stacks name lines; nothing shows them
      legalComments: 'none',
      charset: 'utf8',
      banner: { js: requireForModules },
      define: placesOfModules,
      logLevel: 'silent',
    });
    return new Map(
      outputFiles
        .map(({ path, contents }) => [path.slice(path.lastIndexOf('/') + 1), contents] as const)
        .toSorted(([a], [b]) => a.length - b.length),
    );
  } catch (error) {
    const { errors } = error as Partial<BuildFailure>;
    if (!errors) throw error;
    throw new HostError('invalid', 'cli.bundle_failed', errors.map(describe).join('\n'));
  }
}

function describe({ location, text }: Message): string {
  if (!location) return text;
  const { file, line, column, lineText } = location;
  return `${file}:${line}:${column + 1}: ${text}\n    ${lineText.trim()}`;
}
