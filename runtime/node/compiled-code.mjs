import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { enableCompileCache, flushCompileCache } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { deserialize, serialize } from 'node:v8';

/**
 * Compiles a module and all that it imports, and runs none of it: a graph of modules is compiled before
 * the first of them runs, and the first of this one throws.
 * @param {string} entry
 * @returns {Promise<Buffer>} for `useCompiled` in another process of the same program
 */
export async function compile(entry) {
  const dir = makeFolder();
  try {
    enableCompileCache(dir);
    const first = 'data:text/javascript,throw 0';
    const both = `import '${first}'; import ${JSON.stringify(pathToFileURL(entry).href)};`;
    await import(`data:text/javascript,${encodeURIComponent(both)}`).catch(() => {});
    flushCompileCache();
    return serialize(readFiles(dir));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/**
 * Has modules loaded from what was compiled, until the result is called. Node ignores what is not of
 * this very source, version of Node and V8's settings.
 * @param {Buffer} compiled
 * @returns {() => void}
 */
export function useCompiled(compiled) {
  const dir = makeFolder();
  for (const [path, bytes] of deserialize(compiled)) {
    const file = join(dir, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
  enableCompileCache(dir);
  return () => rmSync(dir, { recursive: true });
}

const makeFolder = () => mkdtempSync(join(tmpdir(), 'compiled-'));

/**
 * Node keeps each module's code in a file, in a folder named after its own version.
 * @param {string} dir
 * @returns {Map<string, Buffer>}
 */
function readFiles(dir) {
  const paths = readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  return new Map(paths.map((path) => [path.slice(dir.length), readFileSync(path)]));
}
