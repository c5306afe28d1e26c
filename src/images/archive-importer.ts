import { posix } from 'node:path';
import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { HostError } from '../domain/errors.ts';
import { isDigest, type Digest } from '../domain/ids.ts';
import type { ImageImporter } from '../domain/image.ts';
import type { BlobStore, StoredBlob } from './blob-store.ts';
import { mediaTypes, readImage, type Descriptor } from './manifest.ts';
import { chooseManifest, isIndex } from './platform.ts';
import { readTar, type TarEntry } from '../lib/tar-entries.ts';
import { parseTarPath } from './tar-path.ts';

const entryLimit = 2000;
const jsonLimitBytes = 4 * 1024 * 1024;

/** What an archive's contents are listed in; everything else in it is a blob. */
const listings: ReadonlySet<string> = new Set(['index.json', 'manifest.json']);

interface Contents {
  /** Blobs by their paths. */
  readonly blobs: ReadonlyMap<string, StoredBlob>;
  readonly json: ReadonlyMap<string, unknown>;
}

/** `manifest.json` of `docker save`. */
interface DockerEntry {
  readonly Config: string;
  readonly Layers: readonly string[];
}

/** Takes images out of archives: an OCI layout as a tar, or what `docker save` writes. */
export class ArchiveImporter implements ImageImporter {
  readonly #blobs: BlobStore;
  readonly #limitBytes: number;

  constructor(blobs: BlobStore, limitBytes: number) {
    this.#blobs = blobs;
    this.#limitBytes = limitBytes;
  }

  async import(archive: Readable): Promise<Digest> {
    const contents = await this.#read(archive);
    const index = contents.json.get('index.json');
    const digest =
      index === undefined ? await this.#fromDocker(contents) : await this.#fromLayout(index);
    const { manifest } = await readImage(this.#blobs, digest);
    for (const layer of manifest.layers) {
      if (!(await this.#blobs.has(layer.digest)))
        throw broken(`it lacks the layer ${layer.digest}`);
    }
    return digest;
  }

  async #read(archive: Readable): Promise<Contents> {
    const blobs = new Map<string, StoredBlob>();
    const json = new Map<string, unknown>();
    const links = new Map<string, string>();
    const { sink, entries } = readTar();
    const feeding = pipeline([...(await stages(archive)), sink]);
    feeding.catch(() => {}); // the loop fails with the same error
    let bytes = 0;
    let count = 0;
    try {
      for await (const entry of entries) {
        const { name, type, size, linkname } = entry.header;
        const path = parseTarPath(name);
        bytes += size;
        count += 1;
        if (bytes > this.#limitBytes || count > entryLimit) throw tooLarge(this.#limitBytes);
        if (type === 'file' && listings.has(path)) json.set(path, await readJson(entry));
        else if (type === 'file') blobs.set(path, await this.#blobs.put(entry, claimOf(path)));
        else entry.resume();
        if (type === 'symlink') links.set(path, posix.join(posix.dirname(path), linkname));
      }
      await feeding;
    } catch (cause) {
      if (cause instanceof HostError) throw cause;
      throw broken('it is not a whole tar', cause);
    }
    for (const [path, target] of links) {
      const blob = blobs.get(target);
      if (blob) blobs.set(path, blob);
    }
    return { blobs, json };
  }

  /** An index may lead to another, for images of several platforms. */
  async #fromLayout(index: unknown): Promise<Digest> {
    let chosen: Descriptor = chooseManifest(index);
    if (isIndex(chosen)) {
      const bytes = await this.#blobs.readSmall(chosen.digest, jsonLimitBytes);
      chosen = chooseManifest(parseJson(bytes));
    }
    return chosen.digest;
  }

  /** Docker's list names files of the archive: an OCI manifest is made of them. */
  async #fromDocker({ json, blobs }: Contents): Promise<Digest> {
    const list = json.get('manifest.json') as readonly DockerEntry[] | undefined;
    if (!Array.isArray(list)) throw broken('it has neither an index.json nor a manifest.json');
    if (list.length !== 1) throw broken(`it has ${list.length} images; save one at a time`);
    const [{ Config, Layers } = {}] = list as Partial<DockerEntry>[];
    const find = (path: unknown, mediaType: string): Descriptor => {
      const blob = blobs.get(String(path));
      if (!blob) throw broken(`it lacks ${String(path).slice(0, 100)}, which it names`);
      return { mediaType, digest: blob.digest, size: blob.sizeBytes };
    };
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: find(Config, mediaTypes.config),
      layers: (Layers ?? []).map((path) => find(path, mediaTypes.layer)),
    };
    return (await this.#blobs.put(Buffer.from(JSON.stringify(manifest)))).digest;
  }
}

/** A blob of a layout lies at its digest. */
function claimOf(path: string): { readonly digest?: Digest } {
  const digest = path.replace(/^blobs\/sha256\//, 'sha256:');
  return isDigest(digest) ? { digest } : {};
}

const gzipMagic = [0x1f, 0x8b];

/**
 * The archive, through what unpacks it: `docker save | gzip` is as usual as without. The caller's
 * stream is left open when it is not read to its end.
 */
async function stages(archive: Readable): Promise<readonly [Readable, ...Transform[]]> {
  const chunks = archive.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer>;
  const first = await chunks.next();
  async function* whole() {
    if (first.done) return;
    yield first.value;
    yield* chunks;
  }
  const isGzip = gzipMagic.every((byte, i) => (first.value as Buffer | undefined)?.[i] === byte);
  return isGzip ? [Readable.from(whole()), createGunzip()] : [Readable.from(whole())];
}

async function readJson(entry: TarEntry): Promise<unknown> {
  if (entry.header.size > jsonLimitBytes) throw broken(`its ${entry.header.name} is too long`);
  const chunks: Buffer[] = [];
  for await (const chunk of entry) chunks.push(chunk);
  return parseJson(Buffer.concat(chunks));
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch (cause) {
    throw broken('a list in it is not JSON', cause);
  }
}

function broken(why: string, cause?: unknown): HostError {
  return new HostError(
    'invalid',
    'image.broken_archive',
    `The archive holds no image that can be used: ${why}. Make it with "docker save" or "skopeo copy … oci-archive:…".`,
    { cause },
  );
}

function tooLarge(limitBytes: number): HostError {
  return new HostError(
    'too_large',
    'image.archive_too_large',
    `An archive of an image may have ${limitBytes} bytes and ${entryLimit} files.`,
  );
}
