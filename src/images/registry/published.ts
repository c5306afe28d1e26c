import type { Digest } from '../../domain/ids.ts';
import type { PublishedRepository } from '../../domain/registry.ts';
import type { BlobStore } from '../blob-store.ts';
import { manifestLimitBytes, parseManifest, type ManifestContent } from '../manifest-content.ts';

/** By the names of repositories, as things are now. */
export type PublishedSource = () => Promise<ReadonlyMap<string, PublishedRepository>>;

/** First parts of names under which nothing can be pushed. */
const reserved = new Set(['hearth', 'functions']);

export const isReserved = (repository: string): boolean =>
  reserved.has(repository.split('/', 1)[0] ?? '');

/** Manifests remembered; they never change. */
const capacity = 1000;

/** The host's own repositories. */
export class PublishedRepositories {
  readonly #source: PublishedSource;
  readonly #blobs: BlobStore;
  readonly #known = new Map<Digest, ManifestContent>();

  constructor(source: PublishedSource, blobs: BlobStore) {
    this.#source = source;
    this.#blobs = blobs;
  }

  async names(): Promise<readonly string[]> {
    return [...(await this.#source()).keys()];
  }

  async find(repository: string): Promise<PublishedRepository | undefined> {
    return (await this.#source()).get(repository);
  }

  async resolve(repository: string, reference: string): Promise<Digest | undefined> {
    const found = await this.find(repository);
    return found?.tags.get(reference) ?? found?.digests.find((digest) => digest === reference);
  }

  /** Whether one of the repository's images is made of this blob, too. */
  async hasBlob(repository: string, digest: Digest): Promise<boolean> {
    const { digests = [] } = (await this.find(repository)) ?? {};
    for (const manifest of digests.toReversed()) {
      const { blobs } = await this.#manifest(manifest);
      if (blobs.some((blob) => blob.digest === digest)) return true;
    }
    return false;
  }

  async #manifest(digest: Digest): Promise<ManifestContent> {
    const known = this.#known.get(digest);
    if (known) return known;
    const manifest = parseManifest(await this.#blobs.readSmall(digest, manifestLimitBytes));
    this.#known.set(digest, manifest);
    const [oldest] = this.#known.keys();
    if (this.#known.size > capacity && oldest) this.#known.delete(oldest);
    return manifest;
  }
}
