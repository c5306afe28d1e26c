import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, type ReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HostError } from '../domain/errors.ts';
import type { Digest } from '../domain/ids.ts';
import { Trash } from './gc/trash.ts';
import { ifThere, syncFile, syncFolder, writeAll } from '../lib/durable-file.ts';

/** What a blob is claimed to be; a stream that is not so fails and leaves nothing. */
export interface BlobClaim {
  readonly digest?: Digest;
  readonly sizeBytes?: number;
}

/** A layer as large as all of a Lambda image may be. */
export const blobLimitBytes = 10 * 1024 ** 3;

/** At a time from the disk: layers are large. */
const readBytes = 256 * 1024;

export interface StoredBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/**
 * Blobs by digest, in the folders of an OCI image layout. A blob is there whole or not at all:
 * it is written beside its place, made durable, and renamed; so processes can share the store,
 * and storing a blob twice is harmless.
 */
export class BlobStore {
  readonly #dir: string;
  readonly #blobsDir: string;
  readonly #ingestDir: string;
  readonly #partialDir: string;

  constructor(dir: string) {
    this.#dir = dir;
    this.#blobsDir = join(dir, 'blobs', 'sha256');
    this.#ingestDir = join(dir, 'ingest');
    this.#partialDir = join(dir, 'partial');
  }

  /** Makes the layout. Idempotent. */
  async open(): Promise<void> {
    await mkdir(this.#blobsDir, { recursive: true });
    await mkdir(this.#ingestDir, { recursive: true });
    await mkdir(this.#partialDir, { recursive: true });
    await writeFile(join(this.#dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  }

  /** Removes what an interrupted `put` left. Only while no other process writes. */
  async removeLeftovers(): Promise<void> {
    await new Trash(join(this.#dir, 'trash', 'blobs')).recover(this.#blobsDir);
    for (const name of await readdir(this.#ingestDir)) {
      await rm(join(this.#ingestDir, name), { force: true });
    }
  }

  /** @throws HostError `invalid` when the content is not what was claimed. */
  async put(
    content: AsyncIterable<Uint8Array> | Uint8Array,
    claim: BlobClaim = {},
  ): Promise<StoredBlob> {
    const path = join(this.#ingestDir, randomUUID());
    try {
      const blob = await writeDurably(path, content, claim.sizeBytes);
      checkClaim(blob, claim);
      await rename(path, this.path(blob.digest));
      await syncFolder(this.#blobsDir);
      return blob;
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
  }

  /** Makes a file on the same file system, whose digest the caller has checked, a blob. */
  async take(path: string, digest: Digest): Promise<void> {
    await syncFile(path);
    await rename(path, this.path(digest));
    await syncFolder(this.#blobsDir);
  }

  /** Where what has arrived of a blob is kept between attempts to download it. */
  partialPath(digest: Digest): string {
    return join(this.#partialDir, digest.slice('sha256:'.length));
  }

  path(digest: Digest): string {
    return join(this.#blobsDir, digest.slice('sha256:'.length));
  }

  async has(digest: Digest): Promise<boolean> {
    return await stat(this.path(digest)).then(
      () => true,
      () => false,
    );
  }

  /**
   * Whether it is there, for someone who is going to need it: garbage collection takes it for new
   * from now on.
   */
  async adopt(digest: Digest): Promise<boolean> {
    const now = new Date();
    return (await ifThere(utimes(this.path(digest), now, now).then(() => true))) ?? false;
  }

  /** Bytes `start` to `end`, both included, or all of it. */
  read(digest: Digest, range?: { readonly start: number; readonly end: number }): ReadStream {
    return createReadStream(this.path(digest), { highWaterMark: readBytes, ...range });
  }

  /**
   * A small blob whole, checked against its digest.
   * @throws HostError `not_found`; `invalid` when it is corrupt or larger than the limit.
   */
  async readSmall(digest: Digest, limitBytes: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    try {
      for await (const chunk of this.read(digest)) {
        sizeBytes += (chunk as Buffer).length;
        if (sizeBytes > limitBytes) throw broken(digest, `is larger than ${limitBytes} bytes`);
        chunks.push(chunk as Buffer);
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw new HostError('not_found', 'image.no_blob', `There is no blob ${digest}.`);
    }
    const content = Buffer.concat(chunks);
    if (digestOf(content) !== digest) throw broken(digest, 'has other content than its name says');
    return content;
  }
}

export function digestOf(content: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

async function writeDurably(
  path: string,
  content: AsyncIterable<Uint8Array> | Uint8Array,
  limitBytes = Infinity,
): Promise<StoredBlob> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const chunks = content instanceof Uint8Array ? [content] : content;
  const file = await open(path, 'wx', 0o644);
  try {
    for await (const chunk of chunks) {
      sizeBytes += chunk.length;
      if (sizeBytes > limitBytes) break; // too much already: the check after it says so
      hash.update(chunk);
      await writeAll(file, chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { digest: `sha256:${hash.digest('hex')}`, sizeBytes };
}

function checkClaim({ digest, sizeBytes }: StoredBlob, claim: BlobClaim): void {
  if (claim.sizeBytes !== undefined && sizeBytes !== claim.sizeBytes) {
    throw broken(
      claim.digest ?? digest,
      `has not the ${claim.sizeBytes} bytes that were announced`,
    );
  }
  if (claim.digest !== undefined && digest !== claim.digest) {
    throw broken(claim.digest, `has other content: ${digest}`);
  }
}

function broken(digest: Digest, what: string): HostError {
  return new HostError('invalid', 'image.broken_blob', `The blob ${digest} ${what}.`);
}
