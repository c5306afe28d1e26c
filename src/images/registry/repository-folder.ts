import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../../domain/ids.ts';
import { ifThere, writeFileDurably } from '../../lib/durable-file.ts';

const hexOf = (digest: Digest): string => digest.slice('sha256:'.length);
const digestOf = (hex: string): Digest => `sha256:${hex}`;

/**
 * What one repository has, a small file for each thing. No part of a repository's name begins with
 * `_`, so that these folders and those of deeper repositories never meet:
 *
 *     _tags/<tag>                       the digest it points at
 *     _manifests/<hex>                  the media type it came with
 *     _blobs/<hex>                      empty
 *     _referrers/<hex of subject>/<hex> empty
 */
export class RepositoryFolder {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Where pushes that are under way lie. */
  get uploadsDir(): string {
    return join(this.#dir, '_uploads');
  }

  async exists(): Promise<boolean> {
    const [tags, manifests] = await Promise.all([this.tags(), this.manifests()]);
    return tags.length > 0 || manifests.length > 0;
  }

  async tags(): Promise<readonly string[]> {
    return (await this.#names('_tags')).toSorted();
  }

  async tagged(tag: string): Promise<Digest | undefined> {
    return (await this.#read('_tags', tag)) as Digest | undefined;
  }

  async setTag(tag: string, digest: Digest): Promise<void> {
    await writeFileDurably(join(this.#dir, '_tags', tag), digest);
  }

  removeTag(tag: string): Promise<boolean> {
    return this.#remove('_tags', tag);
  }

  async manifests(): Promise<readonly Digest[]> {
    return (await this.#names('_manifests')).map(digestOf);
  }

  manifestType(digest: Digest): Promise<string | undefined> {
    return this.#read('_manifests', hexOf(digest));
  }

  async addManifest(digest: Digest, mediaType: string, subject: Digest | undefined): Promise<void> {
    if (subject !== undefined) {
      await writeFileDurably(join(this.#dir, '_referrers', hexOf(subject), hexOf(digest)), '');
    }
    await writeFileDurably(join(this.#dir, '_manifests', hexOf(digest)), mediaType);
  }

  /** With the tags that point at it, which go first: a tag never points at nothing. */
  async removeManifest(digest: Digest, subject: Digest | undefined): Promise<boolean> {
    for (const tag of await this.tags()) {
      if ((await this.tagged(tag)) === digest) await this.removeTag(tag);
    }
    if (subject !== undefined) await this.#remove('_referrers', hexOf(subject), hexOf(digest));
    return await this.#remove('_manifests', hexOf(digest));
  }

  async referrers(subject: Digest): Promise<readonly Digest[]> {
    return (await this.#names('_referrers', hexOf(subject))).toSorted().map(digestOf);
  }

  async hasBlob(digest: Digest): Promise<boolean> {
    const path = join(this.#dir, '_blobs', hexOf(digest));
    return (await ifThere(stat(path))) !== undefined;
  }

  async blobs(): Promise<readonly Digest[]> {
    return (await this.#names('_blobs')).map(digestOf);
  }

  async addBlob(digest: Digest): Promise<void> {
    await writeFileDurably(join(this.#dir, '_blobs', hexOf(digest)), '');
  }

  removeBlob(digest: Digest): Promise<boolean> {
    return this.#remove('_blobs', hexOf(digest));
  }

  async makeUploadsDir(): Promise<void> {
    await mkdir(this.uploadsDir, { recursive: true });
  }

  /** Names of complete files: one that is still being written has a hidden name. */
  async #names(...parts: readonly string[]): Promise<readonly string[]> {
    const names = (await ifThere(readdir(join(this.#dir, ...parts)))) ?? [];
    return names.filter((name) => !name.startsWith('.'));
  }

  #read(...parts: readonly string[]): Promise<string | undefined> {
    return ifThere(readFile(join(this.#dir, ...parts), 'utf8'));
  }

  async #remove(...parts: readonly string[]): Promise<boolean> {
    const removed = await ifThere(rm(join(this.#dir, ...parts)).then(() => true));
    return removed ?? false;
  }
}
