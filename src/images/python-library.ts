import { readFile } from 'node:fs/promises';
import { exec } from '../lib/exec.ts';
import { fileTree } from './file-tree.ts';
import type { LayerEntries, LayerEntry } from './layer-tar.ts';

/** Of no use in a sandbox, and half of the library's size. */
const without = ['test', 'idlelib', 'tkinter', 'turtledemo', 'lib2to3', 'ensurepip', 'pydoc_data'];

/** Python's standard library, at the place where the program expects it. */
export async function pythonLibrary(program: string): Promise<LayerEntries> {
  const ask = 'import sysconfig; print(sysconfig.get_path("stdlib"))';
  const { stdout } = await exec(program, ['-I', '-c', ask]);
  const dir = stdout.trim();
  const files = await fileTree(dir, dir.slice(1), { without });
  const library = new Map<string, LayerEntry>();
  for (const [path, entry] of files) {
    if (path.includes('/config-')) continue; // what C programs that embed Python are linked with
    const isCompiled = path.endsWith('.pyc') && entry.type === 'copy';
    library.set(path, isCompiled ? await compiledFile(entry.source) : entry);
  }
  return library;
}

const headerBytes = 16;
const flagsOffset = 4;
const isHashBased = 1;

/**
 * Python takes a compiled file for stale when its source has another time than is noted in its
 * header, and files of layers have no times of their own. So the header is made to say (PEP 552)
 * that it is valid by a hash that nobody compares: compiling at each start would take 100 ms.
 */
async function compiledFile(source: string): Promise<LayerEntry> {
  const content = await readFile(source);
  if (content.length >= headerBytes) {
    content.fill(0, flagsOffset, headerBytes);
    content.writeUInt32LE(isHashBased, flagsOffset);
  }
  return { type: 'file', content, isExecutable: false };
}
