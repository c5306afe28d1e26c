import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { HostError } from '../../domain/errors.ts';
import type { Digest } from '../../domain/ids.ts';
import { writeAll } from '../../lib/durable-file.ts';
import type { BlobStore } from '../blob-store.ts';

/** Gives the content from a byte on; `start` is where it really begins. */
export type OpenBlob = (
  offset: number,
) => Promise<{ readonly start: number; readonly content: AsyncIterable<Uint8Array> }>;

export interface WantedBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** Failures in a row without a byte in between. */
const fruitlessLimit = 4;

/**
 * Fetches a blob into the store. What has arrived stays in a file beside the blobs when it is cut,
 * so that the next attempt, also that of a later process, goes on from there.
 * @throws HostError `invalid` when it is not what was announced; what arrived is thrown away then.
 */
export async function downloadBlob(
  blobs: BlobStore,
  { digest, sizeBytes }: WantedBlob,
  openBlob: OpenBlob,
  signal: AbortSignal,
  onBytes: (done: number) => void,
): Promise<void> {
  const path = blobs.partialPath(digest);
  let fruitless = 0;
  for (;;) {
    const partial = await Partial.open(path);
    const before = partial.size;
    try {
      if (partial.size < sizeBytes) await partial.fill(openBlob, sizeBytes, signal, onBytes);
      if (partial.size === sizeBytes && partial.digest() === digest) break;
      await rm(path, { force: true });
      // What an earlier attempt left may be to blame, but only once.
      if (before === 0) throw broken(digest);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof HostError) throw error;
      fruitless = partial.size > before ? 0 : fruitless + 1;
      if (fruitless === fruitlessLimit) throw cut(digest, error);
    } finally {
      await partial.close();
    }
  }
  await blobs.take(path, digest);
}

/** The file of a blob that is not all there, with the hash of what is. */
class Partial {
  readonly #file: FileHandle;
  #hash: Hash;
  #size: number;

  static async open(path: string): Promise<Partial> {
    const file = await open(path, 'a+', 0o644);
    const hash = createHash('sha256');
    let size = 0;
    for await (const chunk of createReadStream(path)) {
      hash.update(chunk as Buffer);
      size += (chunk as Buffer).length;
    }
    return new Partial(file, hash, size);
  }

  private constructor(file: FileHandle, hash: Hash, size: number) {
    this.#file = file;
    this.#hash = hash;
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  digest(): Digest {
    return `sha256:${this.#hash.copy().digest('hex')}`;
  }

  async fill(
    openBlob: OpenBlob,
    limit: number,
    signal: AbortSignal,
    onBytes: (done: number) => void,
  ): Promise<void> {
    const { start, content } = await openBlob(this.#size);
    if (start !== this.#size) await this.#restart();
    for await (const chunk of content) {
      signal.throwIfAborted();
      this.#size += chunk.length;
      if (this.#size > limit) return; // too much: the check after it says so
      this.#hash.update(chunk);
      await writeAll(this.#file, chunk);
      onBytes(this.#size);
    }
    if (this.#size < limit) throw new Error('the content ended early');
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #restart(): Promise<void> {
    await this.#file.truncate(0);
    this.#hash = createHash('sha256');
    this.#size = 0;
  }
}

const broken = (digest: Digest): HostError =>
  new HostError(
    'invalid',
    'image.broken_blob',
    `The registry sent something else than the blob ${digest}.`,
  );

const cut = (digest: Digest, cause: unknown): HostError =>
  new HostError(
    'unavailable',
    'image.download_cut',
    `The download of ${digest} was cut again and again; the next attempt goes on from there.`,
    { cause, retryAfterMs: 10_000 },
  );
