import {
  chmodSync,
  closeSync,
  fchmodSync,
  futimesSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { join, posix } from 'node:path';
import type { TarEntry } from '../../lib/tar-entries.ts';
import { parseTarPath, unsafe } from '../tar-path.ts';
import { setUserAttributes, userAttributes } from './user-attributes.ts';

/** What of lower layers a layer hides; paths as they are in the layer. */
export interface LayerMarks {
  /** Nothing of lower layers is at these paths. */
  readonly whiteouts: readonly string[];
  /** Folders of this layer in which nothing of lower layers is seen. */
  readonly opaque: readonly string[];
}

type Kind = 'directory' | 'file' | 'symlink';

const whiteoutPrefix = '.wh.';
/** Of the names that AUFS kept for itself, which Docker still writes and everyone passes over. */
const auxiliaryPrefix = '.wh..wh.';
const opaqueName = '.wh..wh..opq';

/**
 * The folder of a layer while it is filled. Files are owned by root, as sandboxes see every owner
 * as nobody; setuid, setgid and all attributes but users' are left out; everything can be read.
 *
 * INVARIANT: nothing is written through a link. What lies at a path is known from the archive
 * itself, never looked up; a parent that is not a folder of this layer ends the unpack.
 *
 * Calls are synchronous: this runs in a process of its own, and thousands of small files would
 * spend their time between threads.
 */
export class LayerFolder {
  readonly #dir: string;
  readonly #entryLimit: number;
  readonly #kinds = new Map<string, Kind>([['', 'directory']]);
  readonly #hidden = new Set<string>();
  readonly #opaque = new Set<string>();
  /** Set at the end: whatever is put into a folder changes its time. */
  readonly #folderTimes: (readonly [path: string, mtime: Date])[] = [];

  constructor(dir: string, { entries }: { readonly entries: number }) {
    this.#dir = dir;
    this.#entryLimit = entries;
  }

  async unpack(entries: AsyncIterable<TarEntry>): Promise<void> {
    for await (const entry of entries) {
      const path = parseTarPath(entry.header.name);
      const count = this.#kinds.size + this.#hidden.size + this.#opaque.size;
      if (count > this.#entryLimit)
        throw unsafe(path, `the layer has over ${this.#entryLimit} entries`);
      refuseSparse(entry, path);
      if (path.includes(whiteoutPrefix) && this.#takeMark(path)) entry.resume();
      else await this.#add(entry, path);
    }
  }

  /** Once everything is in. */
  finish(): LayerMarks {
    for (const [path, mtime] of this.#folderTimes.toReversed()) {
      utimesSync(join(this.#dir, path), mtime, mtime);
    }
    // What a layer has itself is not hidden by its own whiteout; but a folder is not merged then.
    const hidden = [...this.#hidden];
    const replaced = hidden.filter((path) => this.#kinds.get(path) === 'directory');
    return {
      whiteouts: hidden.filter((path) => !this.#kinds.has(path)),
      opaque: [...new Set([...this.#opaque, ...replaced])],
    };
  }

  /** True where the name is one with a meaning, and not a file's. */
  #takeMark(path: string): boolean {
    const parts = path.split('/');
    const name = parts.at(-1) ?? '';
    const parent = parts.slice(0, -1).join('/');
    if (parts.slice(0, -1).some((part) => part.startsWith(auxiliaryPrefix))) return true;
    if (parts.slice(0, -1).some((part) => part.startsWith(whiteoutPrefix))) {
      throw unsafe(path, 'a whiteout has nothing in it');
    }
    if (!name.startsWith(whiteoutPrefix)) return false;
    if (name.startsWith(auxiliaryPrefix) && name !== opaqueName) return true;
    const hidden = name.slice(whiteoutPrefix.length);
    if (['', '.', '..'].includes(hidden)) throw unsafe(path, 'it hides no name');
    this.#makeParents(path);
    if (name === opaqueName) this.#opaque.add(parent);
    else this.#hidden.add(posix.join(parent, hidden));
    return true;
  }

  async #add(entry: TarEntry, path: string): Promise<void> {
    this.#makeParents(path);
    const known = this.#kinds.get(path);
    if (known && !(known === 'directory' && entry.header.type === 'directory')) {
      throw unsafe(path, 'it is there twice');
    }
    this.#kinds.set(path, await this.#write(entry, path));
  }

  #makeParents(path: string): void {
    for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
      const parent = path.slice(0, slash);
      const kind = this.#kinds.get(parent);
      if (kind === undefined) {
        mkdirSync(join(this.#dir, parent), { mode: 0o755 });
        this.#kinds.set(parent, 'directory');
      } else if (kind !== 'directory') {
        throw unsafe(path, 'what it lies in is not a folder');
      }
    }
  }

  async #write(entry: TarEntry, path: string): Promise<Kind> {
    const { type, mode, linkname, mtime } = entry.header;
    const target = join(this.#dir, path);
    const attributes = userAttributes(entry.paxHeader, path);
    switch (type) {
      case 'directory':
        mkdirSync(target, { recursive: true });
        setUserAttributes(target, attributes);
        // One that sandboxes cannot enter helps nobody; a sticky one stays so.
        chmodSync(target, (mode & 0o1777) | 0o555);
        this.#folderTimes.push([path, mtime]);
        entry.resume();
        return 'directory';
      case 'file':
      case 'contiguous-file':
        await writeFile(entry, target, (mode & 0o777) | 0o444, mtime);
        setUserAttributes(target, attributes);
        return 'file';
      case 'symlink':
        symlinkSync(linkname ?? '', target); // followed inside sandboxes only
        entry.resume();
        return 'symlink';
      case 'link': {
        const original = parseTarPath(linkname ?? '');
        if (this.#kinds.get(original) !== 'file')
          throw unsafe(path, 'it links to no file of its layer');
        linkSync(join(this.#dir, original), target);
        entry.resume();
        return 'file';
      }
      default:
        throw unsafe(path, `a ${type} is not allowed`);
    }
  }
}

async function writeFile(
  content: AsyncIterable<Buffer>,
  path: string,
  mode: number,
  mtime: Date,
): Promise<void> {
  const fd = openSync(path, 'wx');
  try {
    for await (const chunk of content) {
      for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at);
    }
    fchmodSync(fd, mode);
    futimesSync(fd, mtime, mtime);
  } finally {
    closeSync(fd);
  }
}

/** Their content is a map of holes, which only GNU tar reads; as plain files they would be wrong. */
function refuseSparse({ header: { pax } }: TarEntry, path: string): void {
  const isSparse = Object.keys(pax ?? {}).some((key) => key.startsWith('GNU.sparse.'));
  if (isSparse) throw unsafe(path, 'a sparse file is not allowed');
}
