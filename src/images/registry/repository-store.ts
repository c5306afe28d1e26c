import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { HostError } from '../../domain/errors.ts';
import { isDigest, type Digest } from '../../domain/ids.ts';
import type { ImageRepositories, Page, Referrer, StoredManifest } from '../../domain/registry.ts';
import { ifThere } from '../../lib/durable-file.ts';
import { digestOf, type BlobStore } from '../blob-store.ts';
import { manifestLimitBytes, parseManifest, type ManifestContent } from '../manifest-content.ts';
import { isReserved, type PublishedRepositories } from './published.ts';
import { RepositoryFolder } from './repository-folder.ts';

/** Pushed repositories as folders of links into the blob store; and the host's own beside them. */
export class RepositoryStore implements ImageRepositories {
  readonly #dir: string;
  readonly #blobs: BlobStore;
  readonly #published: PublishedRepositories;

  constructor(dir: string, blobs: BlobStore, published: PublishedRepositories) {
    this.#dir = dir;
    this.#blobs = blobs;
    this.#published = published;
  }

  /** Where a pushed repository lies. */
  folder(repository: string): RepositoryFolder {
    return new RepositoryFolder(join(this.#dir, repository));
  }

  /** Names of all that were pushed to, also of those that have become empty. */
  async pushed(): Promise<readonly string[]> {
    return await repositoriesIn(this.#dir, '');
  }

  async list(page: Page): Promise<readonly string[]> {
    const names: string[] = [...(await this.#published.names())];
    for (const name of await this.pushed()) {
      if (await this.folder(name).exists()) names.push(name);
    }
    return paged(names.toSorted(), page);
  }

  async tags(repository: string, page: Page): Promise<readonly string[]> {
    const published = await this.#published.find(repository);
    if (published) return paged([...published.tags.keys()].toSorted(), page);
    const folder = this.folder(repository);
    const tags = await folder.tags();
    if (tags.length === 0 && !(await folder.exists())) throw noRepository(repository);
    return paged(tags, page);
  }

  async findManifest(repository: string, reference: string): Promise<StoredManifest | undefined> {
    if (isReserved(repository)) {
      const digest = await this.#published.resolve(repository, reference);
      return digest && (await this.#read(digest, undefined));
    }
    const folder = this.folder(repository);
    const digest = isDigest(reference) ? reference : await folder.tagged(reference);
    const mediaType = digest && (await folder.manifestType(digest));
    return digest && mediaType ? await this.#read(digest, mediaType) : undefined;
  }

  async putManifest(
    repository: string,
    reference: string,
    { mediaType, content }: { readonly mediaType: string; readonly content: Uint8Array },
  ): Promise<{ digest: Digest; subject: Digest | undefined }> {
    this.checkWritable(repository);
    const manifest = parseManifest(content, mediaType);
    const digest = digestOf(content);
    if (isDigest(reference) && reference !== digest) {
      throw new HostError(
        'invalid',
        'registry.digest_invalid',
        `The manifest's digest is ${digest}, not ${reference}.`,
      );
    }
    const folder = this.folder(repository);
    await this.#checkComplete(folder, manifest);
    await this.#blobs.put(content);
    await folder.addManifest(digest, mediaType, manifest.subject);
    if (!isDigest(reference)) await folder.setTag(reference, digest);
    return { digest, subject: manifest.subject };
  }

  async removeManifest(repository: string, reference: string): Promise<boolean> {
    this.checkWritable(repository);
    const folder = this.folder(repository);
    if (!isDigest(reference)) return await folder.removeTag(reference);
    const stored = await this.findManifest(repository, reference);
    if (!stored) return false;
    const { subject } = parseManifest(stored.content, stored.mediaType);
    return await folder.removeManifest(reference, subject);
  }

  async referrers(repository: string, subject: Digest): Promise<readonly Referrer[]> {
    const referrers: Referrer[] = [];
    for (const digest of await this.folder(repository).referrers(subject)) {
      const stored = await this.findManifest(repository, digest);
      if (!stored) continue;
      const { mediaType, content } = stored;
      const { artifactType, annotations } = parseManifest(content, mediaType);
      referrers.push({
        mediaType,
        digest,
        size: content.length,
        ...(artifactType === undefined ? {} : { artifactType }),
        ...(annotations === undefined ? {} : { annotations }),
      });
    }
    return referrers;
  }

  async findBlob(repository: string, digest: Digest): Promise<{ sizeBytes: number } | undefined> {
    const has = isReserved(repository)
      ? await this.#published.hasBlob(repository, digest)
      : await this.folder(repository).hasBlob(digest);
    if (!has) return undefined;
    const found = await ifThere(stat(this.#blobs.path(digest)));
    return found && { sizeBytes: found.size };
  }

  readBlob(digest: Digest, range?: { readonly start: number; readonly end: number }): Readable {
    return this.#blobs.read(digest, range);
  }

  async removeBlob(repository: string, digest: Digest): Promise<boolean> {
    this.checkWritable(repository);
    return await this.folder(repository).removeBlob(digest);
  }

  async mountBlob(repository: string, digest: Digest, from: string): Promise<boolean> {
    this.checkWritable(repository);
    if (!(await this.findBlob(from, digest)) || !(await this.#blobs.adopt(digest))) return false;
    await this.folder(repository).addBlob(digest);
    return true;
  }

  checkWritable(repository: string): void {
    if (!isReserved(repository)) return;
    throw new HostError(
      'forbidden',
      'registry.denied',
      `${repository} is the host's own: what is in it comes from "hearth deploy". Push to another name.`,
    );
  }

  async #checkComplete(folder: RepositoryFolder, manifest: ManifestContent): Promise<void> {
    for (const { digest, size } of manifest.blobs) {
      const isThere = (await folder.hasBlob(digest)) && (await this.#blobs.adopt(digest));
      if (!isThere) throw notPushed(`blob ${digest}`);
      const stored = await stat(this.#blobs.path(digest));
      if (stored.size !== size) throw notPushed(`blob ${digest} with ${size} bytes`);
    }
    for (const { digest } of manifest.children) {
      if ((await folder.manifestType(digest)) === undefined) throw notPushed(`manifest ${digest}`);
    }
  }

  async #read(digest: Digest, mediaType: string | undefined): Promise<StoredManifest | undefined> {
    if (!(await this.#blobs.has(digest))) return undefined;
    const content = await this.#blobs.readSmall(digest, manifestLimitBytes);
    return { digest, content, mediaType: mediaType ?? parseManifest(content).mediaType };
  }
}

async function repositoriesIn(dir: string, prefix: string): Promise<readonly string[]> {
  const entries = (await ifThere(readdir(join(dir, prefix), { withFileTypes: true }))) ?? [];
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const deeper = names.filter((name) => !name.startsWith('_'));
  const nested = await Promise.all(
    deeper.map((name) => repositoriesIn(dir, prefix === '' ? name : `${prefix}/${name}`)),
  );
  const isOne = prefix !== '' && names.some((name) => name.startsWith('_'));
  return isOne ? [prefix, ...nested.flat()] : nested.flat();
}

function paged(sorted: readonly string[], { limit, after }: Page): readonly string[] {
  const rest = after === undefined ? sorted : sorted.filter((item) => item > after);
  return rest.slice(0, limit);
}

function noRepository(repository: string): HostError {
  return new HostError(
    'not_found',
    'registry.name_unknown',
    `There is no repository ${repository}.`,
  );
}

function notPushed(what: string): HostError {
  return new HostError(
    'invalid',
    'registry.manifest_blob_unknown',
    `The manifest names a ${what} that was not pushed to this repository.`,
  );
}
