import type { Writable } from 'node:stream';
import { extract, type Header } from 'tar-stream';

/** One entry of a tar that is being read; its content must be read or passed over. */
export interface TarEntry extends AsyncIterable<Buffer> {
  readonly header: Header;
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
  return { sink: tar as Writable, entries: tar as AsyncIterable<TarEntry> };
}
