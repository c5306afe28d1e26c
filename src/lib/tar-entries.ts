import type { Writable } from 'node:stream';
import { extract, type Header } from 'tar-stream';

/** One entry of a tar that is being read; its content must be read or passed over. */
export interface TarEntry extends AsyncIterable<Buffer> {
  /** `byteOffset`: where in the tar its content begins. */
  readonly header: Header & { readonly byteOffset: number };
  /** Its PAX header as it is (see pax-records.ts); `header.pax` has lost what is not UTF-8. */
  readonly paxHeader: Buffer | undefined;
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
  keepPaxHeaders(tar as PaxDecoder);
  return { sink: tar as Writable, entries: sized(tar as AsyncIterable<TarEntry>) };
}

/** How the library goes about headers that stand before those of entries, in 3.2.2. */
interface PaxDecoder {
  readonly _header: { readonly type: string };
  _decodeLongHeader(content: Buffer): void;
  on(event: 'entry', listener: (header: Header, entry: { paxHeader?: Buffer }) => void): void;
}

/**
 * The library gives out records as text only, and an extended attribute is bytes: what it is about
 * to decode is kept for the entry that follows. That needs a method which is not of its interface.
 */
function keepPaxHeaders(tar: PaxDecoder): void {
  let kept: Buffer | undefined;
  const decode = tar._decodeLongHeader.bind(tar);
  tar._decodeLongHeader = (content) => {
    if (tar._header.type === 'pax-header') kept = content;
    decode(content);
  };
  tar.on('entry', (_, entry) => {
    if (kept) entry.paxHeader = kept;
    kept = undefined;
  });
}

/** An entry whose size is no number passes the library, which then waits for its content for ever. */
async function* sized(entries: AsyncIterable<TarEntry>): AsyncGenerator<TarEntry> {
  for await (const entry of entries) {
    if (!Number.isSafeInteger(entry.header.size)) throw new Error('an entry has no size');
    yield entry;
  }
}
