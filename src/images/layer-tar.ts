import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { pack, type Header, type Pack } from 'tar-stream';

/** What is at one path of a layer. */
export type LayerEntry =
  | { readonly type: 'directory'; readonly mode?: number }
  | { readonly type: 'file'; readonly content: Buffer; readonly isExecutable: boolean }
  /** Content and mode of a file on this machine. */
  | { readonly type: 'copy'; readonly source: string }
  | { readonly type: 'symlink'; readonly target: string };

/** Paths without a slash at either end. */
export type LayerEntries = ReadonlyMap<string, LayerEntry>;

/**
 * A layer as an uncompressed tar that depends on nothing but its entries: sorted, no times, owned
 * by root, modes reduced to whether a file can be run. Parents come first; missing ones are added.
 */
export function layerTar(entries: LayerEntries): AsyncIterable<Uint8Array> {
  const tar = pack();
  writeAll(tar, withParents(entries)).then(
    () => tar.finalize(),
    (error: unknown) => tar.destroy(error as Error),
  );
  return tar as unknown as AsyncIterable<Uint8Array>; // as with Node's streams, see tar-entries.ts
}

async function writeAll(tar: Pack, entries: LayerEntries): Promise<void> {
  for (const path of [...entries.keys()].toSorted()) {
    const entry = entries.get(path);
    if (entry) await write(tar, path, entry);
  }
}

async function write(tar: Pack, path: string, entry: LayerEntry): Promise<void> {
  switch (entry.type) {
    case 'directory':
      return await add(tar, { name: path, type: 'directory', mode: entry.mode ?? 0o755 });
    case 'file':
      return await add(tar, { name: path, mode: fileMode(entry.isExecutable) }, entry.content);
    case 'symlink':
      return await add(tar, { name: path, type: 'symlink', linkname: entry.target, mode: 0o777 });
    case 'copy':
      return await copy(tar, path, entry.source);
  }
}

type EntryHeader = Partial<Header> & Pick<Header, 'name'>;

const fixed = { mtime: new Date(0), uid: 0, gid: 0 };

function add(tar: Pack, header: EntryHeader, content: string | Buffer = ''): Promise<void> {
  return settled((done) => tar.entry({ ...fixed, ...header }, content, done));
}

async function copy(tar: Pack, path: string, source: string): Promise<void> {
  const { size, mode } = await stat(source);
  const isExecutable = (mode & 0o100) !== 0;
  await settled((done) => {
    const slot = tar.entry({ ...fixed, name: path, size, mode: fileMode(isExecutable) }, done);
    createReadStream(source)
      .on('error', done)
      .pipe(slot as unknown as Writable);
  });
}

function settled(act: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    act((error) => (error ? reject(error) : resolve()));
  });
}

function fileMode(isExecutable: boolean): number {
  return isExecutable ? 0o755 : 0o644;
}

function withParents(entries: LayerEntries): LayerEntries {
  const all = new Map(entries);
  for (const path of entries.keys()) {
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      const parent = path.slice(0, slash);
      if (!all.has(parent)) all.set(parent, { type: 'directory' });
    }
  }
  return all;
}
