import { createHash } from 'node:crypto';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { HostError } from '../../domain/errors.ts';
import type { Digest } from '../../domain/ids.ts';
import { readTar, type TarEntry } from '../../lib/tar-entries.ts';
import { LayerFolder, type LayerMarks } from './layer-folder.ts';

export interface LayerSource {
  /** The blob as it is stored. */
  readonly content: Readable;
  readonly sizeBytes: number;
  readonly mediaType: string;
  readonly diffId: Digest;
}

export interface UnpackLimits {
  /** Of the layer when it is unpacked. */
  readonly bytes: number;
  /** Unpacked bytes for each stored one; real layers stay below 20. */
  readonly ratio: number;
  /** So small a layer may have any ratio: a page of zeros is no bomb. */
  readonly ratioFreeBytes: number;
  readonly entries: number;
}

export const unpackLimits: UnpackLimits = {
  bytes: 10 * 1024 ** 3,
  ratio: 200,
  ratioFreeBytes: 128 * 1024 ** 2,
  entries: 200_000,
};

/** What a tar consists of. */
const blockBytes = 512;

/** At a time through the unpacker; the default of 16 KiB costs more in calls than in work. */
const chunkBytes = 256 * 1024;

/** What compresses a layer, by the end of its media type (OCI and Docker). */
function decompressor(mediaType: string): Transform | undefined {
  if (mediaType.endsWith('gzip')) return createGunzip({ chunkSize: chunkBytes });
  if (mediaType.endsWith('zstd')) return createZstdDecompress({ chunkSize: chunkBytes });
  return undefined;
}

/**
 * Unpacks a layer into an empty folder, trusting nothing in it.
 * @throws HostError `invalid` for anything unsafe, broken or not what its diffID says;
 *   `too_large` past a limit. What was unpacked until then is the caller's to remove.
 */
export async function unpackLayer(
  { content, sizeBytes, mediaType, diffId }: LayerSource,
  dir: string,
  limits = unpackLimits,
): Promise<LayerMarks> {
  const hash = createHash('sha256');
  const allowed = Math.max(limits.ratioFreeBytes, sizeBytes * limits.ratio);
  const limitBytes = Math.min(limits.bytes, allowed);
  let bytes = 0;
  const counting = new Transform({
    transform(chunk: Buffer, _, done) {
      bytes += chunk.length;
      hash.update(chunk);
      if (bytes > limitBytes) done(tooLarge(diffId, limitBytes));
      else done(null, chunk);
    },
    // umoci ends layers with the last byte of the last file; other readers take that, too.
    flush(done) {
      done(null, Buffer.alloc((blockBytes - (bytes % blockBytes)) % blockBytes));
    },
  });
  const { sink, entries } = readTar();
  const compressed = decompressor(mediaType);
  const stages = compressed ? [content, compressed, counting, sink] : [content, counting, sink];
  const folder = new LayerFolder(dir, limits);
  const contents = new ContentEnd(entries);
  const unpacking = folder.unpack(contents);
  try {
    await Promise.all([pipeline(stages), unpacking]);
    if (bytes % blockBytes !== 0 && bytes !== contents.atByte) throw new Error('it is cut short');
  } catch (cause) {
    await unpacking.catch(() => {}); // nothing may be written any more once this has failed
    if (cause instanceof HostError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOSPC') throw noSpace(diffId, cause);
    throw new HostError('invalid', 'image.broken_layer', `The layer ${diffId} is broken.`, {
      cause,
    });
  }
  const actual = `sha256:${hash.digest('hex')}`;
  if (actual === diffId) return folder.finish();
  throw new HostError(
    'invalid',
    'image.wrong_layer',
    `The layer ${diffId} has other content: ${actual}.`,
  );
}

/** Entries as they come, and where the content of the last one ends. */
class ContentEnd implements AsyncIterable<TarEntry> {
  readonly #entries: AsyncIterable<TarEntry>;
  atByte = 0;

  constructor(entries: AsyncIterable<TarEntry>) {
    this.#entries = entries;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TarEntry> {
    for await (const entry of this.#entries) {
      this.atByte = entry.header.byteOffset + entry.header.size;
      yield entry;
    }
  }
}

const tooLarge = (diffId: Digest, limitBytes: number): HostError =>
  new HostError(
    'too_large',
    'image.layer_too_large',
    `The layer ${diffId} unpacks to over ${limitBytes} bytes, which is not allowed for its size.`,
  );

const noSpace = (diffId: Digest, cause: unknown): HostError =>
  new HostError(
    'unavailable',
    'image.no_space',
    `The disk has no room for the layer ${diffId}; "hearth image gc" may make some.`,
    { cause },
  );
