import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { LayerEntry } from './layer-tar.ts';

export interface FileTreeOptions {
  /** Folders of these names are left out. */
  readonly without?: readonly string[];
}

/** All plain files of a folder of this machine, to be copied to another place. Links are left out. */
export async function fileTree(
  dir: string,
  place: string,
  options: FileTreeOptions = {},
): Promise<Map<string, LayerEntry>> {
  const entries = new Map<string, LayerEntry>();
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const source = join(dir, entry.name);
    const path = `${place}/${entry.name}`;
    if (entry.isFile()) entries.set(path, { type: 'copy', source });
    if (!entry.isDirectory() || options.without?.includes(entry.name)) continue;
    for (const [file, inner] of await fileTree(source, path, options)) entries.set(file, inner);
  }
  return entries;
}
