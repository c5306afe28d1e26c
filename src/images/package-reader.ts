import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { HostError } from '../domain/errors.ts';
import { packageLimitBytes } from '../domain/limits.ts';
import type { LayerEntry } from './layer-tar.ts';
import { readTar, type TarEntry } from '../lib/tar-entries.ts';
import { parseTarPath, unsafe } from './tar-path.ts';

const entryLimit = 20_000;

/** Recorded as a label of the image instead. */
const configFile = 'hearth.json';

/**
 * The files of an uploaded package, which nobody has checked before: plain files and folders only,
 * each once, inside the package, all together within the limits. Held in memory: a package is at
 * most 50 MiB. @throws HostError `invalid` or `too_large`.
 */
export async function readPackage(packageTar: Readable): Promise<Map<string, LayerEntry>> {
  const entries = new Map<string, LayerEntry>();
  const tar = readTar();
  const reading = pipeline(packageTar, tar.sink);
  reading.catch(() => {}); // the loop fails with the same error
  let bytes = 0;
  try {
    for await (const entry of tar.entries) {
      const { name, type, size, mode } = entry.header;
      const path = parseTarPath(name);
      bytes += size;
      if (bytes > packageLimitBytes) throw tooLarge(`${packageLimitBytes} bytes`);
      if (entries.size >= entryLimit) throw tooLarge(`${entryLimit} files`);
      if (type === 'directory') {
        if (path !== '') addFolder(entries, path);
        entry.resume();
      } else if (type === 'file') {
        const content = await contentOf(entry);
        if (path === configFile) continue;
        if (path === '' || entries.has(path)) throw unsafe(name, 'it is there twice');
        entries.set(path, { type: 'file', content, isExecutable: (mode & 0o111) !== 0 });
      } else {
        throw unsafe(name, `a package has files and folders, not a ${type}`);
      }
    }
    await reading;
  } catch (cause) {
    if (cause instanceof HostError) throw cause;
    throw new HostError('invalid', 'package.not_a_tar', 'The package is not a valid tar archive.', {
      cause,
    });
  }
  checkParents(entries);
  return entries;
}

function addFolder(entries: Map<string, LayerEntry>, path: string): void {
  if (entries.get(path)?.type === 'file') throw unsafe(path, 'it is there twice');
  entries.set(path, { type: 'directory' });
}

function checkParents(entries: ReadonlyMap<string, LayerEntry>): void {
  for (const path of entries.keys()) {
    for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
      if (entries.get(path.slice(0, slash))?.type === 'file') {
        throw unsafe(path, 'what it lies in is a file');
      }
    }
  }
}

async function contentOf(entry: TarEntry): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of entry) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function tooLarge(limit: string): HostError {
  return new HostError('too_large', 'package.too_large', `A package may have at most ${limit}.`);
}
