import type { Digest } from '../../domain/ids.ts';
import type { ImageRepositories } from '../../domain/registry.ts';
import type { BlobStore } from '../blob-store.ts';
import { parseManifest, type ManifestContent } from '../manifest-content.ts';
import { payloadLimitBytes, signatureLimit, type SignatureSource } from './signature-verifier.ts';
import { signatureArtifactType, signatureTag, type SignatureLayer } from './simple-signing.ts';

/** Signatures that were pushed to a repository of this host. */
export class StoredSignatures implements SignatureSource {
  readonly #repository: string;
  readonly #repositories: Pick<ImageRepositories, 'findManifest' | 'referrers'>;
  readonly #blobs: BlobStore;

  constructor(
    repository: string,
    repositories: Pick<ImageRepositories, 'findManifest' | 'referrers'>,
    blobs: BlobStore,
  ) {
    this.#repository = repository;
    this.#repositories = repositories;
    this.#blobs = blobs;
  }

  async manifests(digest: Digest): Promise<readonly ManifestContent[]> {
    const referrers = await this.#repositories.referrers(this.#repository, digest);
    const signing = referrers.filter(({ artifactType }) => artifactType === signatureArtifactType);
    const newest = signing.slice(-signatureLimit).map((one) => one.digest);
    const places = [signatureTag(digest), ...newest];
    const found = await Promise.all(
      places.map((place) => this.#repositories.findManifest(this.#repository, place)),
    );
    return found
      .filter((manifest) => manifest !== undefined)
      .map(({ content, mediaType }) => parseManifest(content, mediaType));
  }

  payload({ digest }: SignatureLayer): Promise<Uint8Array> {
    return this.#blobs.readSmall(digest, payloadLimitBytes);
  }
}
