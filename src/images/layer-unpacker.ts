import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { chmod, link, mkdir, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { HostError } from '../domain/errors.ts';
import type { Digest } from '../domain/ids.ts';
import { readTar, type TarEntry } from './tar-entries.ts';
import { parseTarPath, unsafe } from './tar-path.ts';

const bytesLimit = 10 * 1024 ** 3;
const entryLimit = 200_000;

/** What compresses a layer, by the end of its media type (OCI and Docker). */
function decompressor(mediaType: string): Transform | undefined {
  if (mediaType.endsWith('gzip')) return createGunzip();
  if (mediaType.endsWith('zstd')) return createZstdDecompress();
  return undefined;
}

/**
 * Unpacks a layer into an empty folder, trusting nothing in it. Files are owned by root, as
 * sandboxes see every owner as nobody; setuid and setgid bits are left out.
 *
 * INVARIANT: nothing is written through a link. What lies at a path is known from the archive
 * itself, never looked up; a parent that is not a folder of this layer ends the unpack.
 * @throws HostError `invalid` for anything unsafe, broken or not what its diffID says.
 */
export async function unpackLayer(
  blob: Readable,
  mediaType: string,
  diffId: Digest,
  dir: string,
): Promise<void> {
  const hash = createHash('sha256');
  const hashing = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const { sink, entries } = readTar();
  const compressed = decompressor(mediaType);
  const stages = compressed ? [blob, compressed, hashing, sink] : [blob, hashing, sink];
  const unpacking = unpackEntries(entries, dir);
  try {
    await Promise.all([pipeline(stages), unpacking]);
  } catch (cause) {
    await unpacking.catch(() => {}); // nothing may be written any more once this has failed
    if (cause instanceof HostError) throw cause;
    throw new HostError('invalid', 'image.broken_layer', `The layer ${diffId} is broken.`, {
      cause,
    });
  }
  const actual = `sha256:${hash.digest('hex')}`;
  if (actual !== diffId) {
    throw new HostError(
      'invalid',
      'image.wrong_layer',
      `The layer ${diffId} has other content: ${actual}.`,
    );
  }
}

type Kind = 'directory' | 'file' | 'symlink';

async function unpackEntries(entries: AsyncIterable<TarEntry>, dir: string): Promise<void> {
  const kinds = new Map<string, Kind>([['', 'directory']]);
  let bytes = 0;
  for await (const entry of entries) {
    const path = parseTarPath(entry.header.name);
    bytes += entry.header.size;
    if (bytes > bytesLimit) throw unsafe(path, `the layer has over ${bytesLimit} bytes`);
    if (kinds.size > entryLimit) throw unsafe(path, `the layer has over ${entryLimit} entries`);
    if (basename(path).startsWith('.wh.')) throw unsafe(path, 'whiteouts are not supported');
    await makeParents(kinds, path, dir);
    const known = kinds.get(path);
    if (known && !(known === 'directory' && entry.header.type === 'directory')) {
      throw unsafe(path, 'it is there twice');
    }
    kinds.set(path, await unpackEntry(entry, path, dir, kinds));
  }
}

async function makeParents(kinds: Map<string, Kind>, path: string, dir: string): Promise<void> {
  for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
    const parent = path.slice(0, slash);
    const kind = kinds.get(parent);
    if (kind === undefined) {
      await mkdir(join(dir, parent), { mode: 0o755 });
      kinds.set(parent, 'directory');
    } else if (kind !== 'directory') {
      throw unsafe(path, 'what it lies in is not a folder');
    }
  }
}

async function unpackEntry(
  entry: TarEntry,
  path: string,
  dir: string,
  kinds: ReadonlyMap<string, Kind>,
): Promise<Kind> {
  const { type, mode, linkname } = entry.header;
  const target = join(dir, path);
  const permissions = mode & 0o777;
  switch (type) {
    case 'directory':
      await mkdir(target, { recursive: true });
      await chmod(target, permissions | 0o555); // one that sandboxes cannot enter helps nobody
      entry.resume();
      return 'directory';
    case 'file':
    case 'contiguous-file':
      await pipeline(entry, createWriteStream(target, { flags: 'wx' }));
      await chmod(target, permissions | 0o444);
      return 'file';
    case 'symlink':
      await symlink(linkname, target); // followed inside sandboxes only
      entry.resume();
      return 'symlink';
    case 'link': {
      const original = parseTarPath(linkname);
      if (kinds.get(original) !== 'file') throw unsafe(path, 'it links to no file of its layer');
      await link(join(dir, original), target);
      entry.resume();
      return 'file';
    }
    default:
      throw unsafe(path, `a ${type} is not allowed`);
  }
}
