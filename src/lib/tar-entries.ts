import type { Writable } from 'node:stream';
import { extract, type Header } from 'tar-stream';

/** One entry of a tar that is being read; its content must be read or passed over. */
export interface TarEntry extends AsyncIterable<Buffer> {
  /** `byteOffset`: where in the tar its content begins. */
  readonly header: Header & { readonly byteOffset: number };
  resume(): unknown;
}

/** A tar that is being read: bytes go into the sink, entries come out. */
export interface TarReader {
  readonly sink: Writable;
  readonly entries: AsyncIterable<TarEntry>;
}

/** The library's streams behave like Node's; only their types are others. */
export function readTar(): TarReader {
  const tar: unknown = extract();
  return { sink: tar as Writable, entries: sized(tar as AsyncIterable<TarEntry>) };
}

/** An entry whose size is no number passes the library, which then waits for its content for ever. */
async function* sized(entries: AsyncIterable<TarEntry>): AsyncGenerator<TarEntry> {
  for await (const entry of entries) {
    if (!Number.isSafeInteger(entry.header.size)) throw new Error('an entry has no size');
    yield entry;
  }
}
