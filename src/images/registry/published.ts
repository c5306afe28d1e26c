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

/** Blobs of which it is remembered what they belong to. */
const holderCapacity = 10_000;

/** The host's own repositories. */
export class PublishedRepositories {
  readonly #source: PublishedSource;
  readonly #blobs: BlobStore;
  readonly #known = new Map<Digest, ManifestContent>();
  /** The last manifest that was asked for with a blob: who pulls asks for that first. */
  readonly #holders = new Map<Digest, Digest>();

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
    const digest = found?.tags.get(reference) ?? found?.digests.find((one) => one === reference);
    if (digest) await this.#manifest(digest);
    return digest;
  }

  /** Whether one of the repository's images is made of this blob, too. */
  async hasBlob(repository: string, digest: Digest): Promise<boolean> {
    const { digests = [] } = (await this.find(repository)) ?? {};
    const holder = this.#holders.get(digest);
    if (holder && digests.includes(holder)) return true;
    for (const manifest of digests.toReversed()) {
      const { blobs } = await this.#manifest(manifest);
      if (blobs.some((blob) => blob.digest === digest)) return true;
    }
    return false;
  }

  async #manifest(digest: Digest): Promise<ManifestContent> {
    const manifest =
      this.#known.get(digest) ??
      parseManifest(await this.#blobs.readSmall(digest, manifestLimitBytes));
    remember(this.#known, digest, manifest, capacity);
    for (const blob of manifest.blobs) remember(this.#holders, blob.digest, digest, holderCapacity);
    return manifest;
  }
}

/** The least recently remembered goes. */
function remember<K, V>(map: Map<K, V>, key: K, value: V, limit: number): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > limit && oldest !== undefined) map.delete(oldest);
}
