import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HostError } from '../../domain/errors.ts';
import type { Digest } from '../../domain/ids.ts';
import type { BlobUploads } from '../../domain/registry.ts';
import { ifThere, writeAll } from '../../lib/durable-file.ts';
import { KeyedMutex } from '../../lib/keyed-mutex.ts';
import { blobLimitBytes, type BlobStore } from '../blob-store.ts';
import type { RepositoryStore } from './repository-store.ts';

/** In one repository at once; a push has one for each layer that it sends in parallel. */
const uploadLimit = 100;

/** After so long without a byte an upload is over. */
const expiryMs = 24 * 60 * 60 * 1000;

const idPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Uploads as files that grow; the file's size is the only state, so a restart loses nothing. */
export class UploadStore implements BlobUploads {
  readonly #repositories: RepositoryStore;
  readonly #blobs: BlobStore;
  readonly #mutex = new KeyedMutex<string>();
  readonly #limitBytes: number;

  constructor(repositories: RepositoryStore, blobs: BlobStore, limitBytes = blobLimitBytes) {
    this.#repositories = repositories;
    this.#blobs = blobs;
    this.#limitBytes = limitBytes;
  }

  async begin(repository: string): Promise<string> {
    this.#repositories.checkWritable(repository);
    const folder = this.#repositories.folder(repository);
    await folder.makeUploadsDir();
    if ((await readdir(folder.uploadsDir)).length >= uploadLimit) {
      await this.removeExpired(repository);
      if ((await readdir(folder.uploadsDir)).length >= uploadLimit) throw tooMany(repository);
    }
    const id = randomUUID();
    await (await open(this.#path(repository, id), 'wx', 0o644)).close();
    return id;
  }

  async size(repository: string, id: string): Promise<number> {
    const found = await ifThere(stat(this.#path(repository, id)));
    if (!found) throw noUpload(id);
    return found.size;
  }

  append(
    repository: string,
    id: string,
    content: AsyncIterable<Uint8Array>,
    start: number | undefined,
  ): Promise<number> {
    const path = this.#path(repository, id);
    return this.#mutex.run(path, async () => {
      const end = await this.size(repository, id);
      if (start !== undefined && start !== end) throw wrongStart(start, end);
      return await this.#write(path, content, end);
    });
  }

  finish(repository: string, id: string, digest: Digest): Promise<void> {
    const path = this.#path(repository, id);
    return this.#mutex.run(path, async () => {
      await this.size(repository, id);
      const actual = await digestOfFile(path);
      if (actual !== digest) {
        await rm(path, { force: true });
        throw wrongContent(digest, actual);
      }
      await this.#blobs.take(path, digest);
      await this.#repositories.folder(repository).addBlob(digest);
    });
  }

  async cancel(repository: string, id: string): Promise<void> {
    const path = this.#path(repository, id);
    await this.#mutex.run(path, async () => {
      await this.size(repository, id);
      await rm(path, { force: true });
    });
  }

  /** Removes uploads that nobody has continued for a day. */
  async removeExpired(repository: string, nowMs = Date.now()): Promise<void> {
    const { uploadsDir } = this.#repositories.folder(repository);
    for (const id of (await ifThere(readdir(uploadsDir))) ?? []) {
      const path = join(uploadsDir, id);
      const found = await ifThere(stat(path));
      if (found && nowMs - found.mtimeMs > expiryMs) await rm(path, { force: true });
    }
  }

  async #write(path: string, content: AsyncIterable<Uint8Array>, from: number): Promise<number> {
    let end = from;
    const file = await open(path, 'a');
    try {
      for await (const chunk of content) {
        end += chunk.length;
        if (end > this.#limitBytes) throw tooLarge(this.#limitBytes);
        await writeAll(file, chunk);
      }
      return end;
    } catch (error) {
      if (end > this.#limitBytes) await rm(path, { force: true });
      throw error;
    } finally {
      await file.close();
    }
  }

  #path(repository: string, id: string): string {
    if (!idPattern.test(id)) throw noUpload(id);
    return join(this.#repositories.folder(repository).uploadsDir, id);
  }
}

async function digestOfFile(path: string): Promise<Digest> {
  const hash = createHash('sha256');
  const content = createReadStream(path, { highWaterMark: 1024 * 1024 });
  for await (const chunk of content) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}

const noUpload = (id: string): HostError =>
  new HostError(
    'not_found',
    'registry.blob_upload_unknown',
    `There is no upload ${id.slice(0, 80)} under way.`,
  );

const wrongStart = (start: number, end: number): HostError =>
  new HostError(
    'invalid',
    'registry.range_invalid',
    `The piece begins at byte ${start}, but ${end} bytes have arrived.`,
  );

const wrongContent = (digest: Digest, actual: Digest): HostError =>
  new HostError(
    'invalid',
    'registry.digest_invalid',
    `What arrived is not ${digest} but ${actual}. Push it again.`,
  );

const tooLarge = (limitBytes: number): HostError =>
  new HostError('too_large', 'registry.size_invalid', `A blob has at most ${limitBytes} bytes.`);

const tooMany = (repository: string): HostError =>
  new HostError(
    'throttled',
    'registry.too_many_requests',
    `${repository} has ${uploadLimit} uploads under way; finish or cancel some.`,
    { retryAfterMs: 10_000 },
  );
