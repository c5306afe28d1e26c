import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HostError } from '../domain/errors.ts';
import { packageLimitBytes } from '../domain/limits.ts';

/** Made by tools on the developer's machine, for it. Hidden files and folders stay there as well. */
const leftOut = new Set(['hearth.json', '__pycache__', 'node_modules', 'venv']);

/**
 * The files of a folder by their paths in it; a link counts as what it leads to.
 * @throws HostError `too_large` before it reads more than a package may have.
 */
export async function folderFiles(dir: string): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  let bytes = 0;

  async function read(path: string): Promise<void> {
    for (const name of (await readdir(join(dir, path))).toSorted()) {
      if (name.startsWith('.') || leftOut.has(name)) continue;
      const inner = join(path, name);
      const { size, isFolder } = await look(join(dir, inner));
      if (isFolder) {
        await read(inner);
        continue;
      }
      bytes += size;
      if (bytes > packageLimitBytes) throw tooLarge(dir);
      files.set(inner, await readFile(join(dir, inner)));
    }
  }

  await read('');
  return files;
}

async function look(path: string): Promise<{ size: number; isFolder: boolean }> {
  const found = await stat(path);
  return { size: found.size, isFolder: found.isDirectory() };
}

function tooLarge(dir: string): HostError {
  return new HostError(
    'too_large',
    'cli.package_too_large',
    `${dir} has more than the ${packageLimitBytes} bytes that a package may have.`,
  );
}
