import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseStackConfig, type StackConfig } from '../../config/stack-config.ts';
import { HostError } from '../../domain/errors.ts';

const stackFile = 'stack.json';
const functionFile = 'hearth.json';

/** Folders in folders; deeper nobody sorts functions. */
const depthLimit = 4;

export interface StackFolder {
  readonly config: StackConfig;
  /** Every folder in it that has a hearth.json. */
  readonly functionDirs: readonly string[];
}

/** @throws HostError `invalid`. */
export async function readStackFolder(folder: string): Promise<StackFolder> {
  const dir = resolve(folder);
  const text = await readFile(join(dir, stackFile), 'utf8').catch((cause: unknown) => {
    throw new HostError(
      'invalid',
      'cli.no_stack',
      `${join(dir, stackFile)} cannot be read. A folder to apply has one with at least a "name", such as {"name": "shop"}.`,
      { cause },
    );
  });
  return { config: parseStackConfig(text), functionDirs: await functionDirs(dir, depthLimit) };
}

async function functionDirs(dir: string, depth: number): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true });
  if (entries.some(({ name }) => name === functionFile)) return [dir];
  if (depth === 0) return [];
  const inner = entries
    .filter((entry) => entry.isDirectory() && !/^\.|^node_modules$/.test(entry.name))
    .map(({ name }) => functionDirs(join(dir, name), depth - 1));
  return (await Promise.all(inner)).flat().toSorted();
}
