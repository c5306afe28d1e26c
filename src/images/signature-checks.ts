import type { Digest } from '../domain/ids.ts';
import type { ImageRepositories } from '../domain/registry.ts';
import type { BlobStore } from './blob-store.ts';
import type { RegistryClient } from './client/registry-client.ts';
import type { RemoteReference } from './client/remote-reference.ts';
import { RemoteSignatures } from './client/remote-signatures.ts';
import type { SignatureVerifier } from './signatures/signature-verifier.ts';
import { StoredSignatures } from './signatures/stored-signatures.ts';

export interface SignatureChecksOptions {
  readonly verifier: SignatureVerifier;
  readonly client: RegistryClient;
  readonly repositories: ImageRepositories;
  readonly blobs: BlobStore;
}

/** Each throws HostError `forbidden` for an image that is not signed as the operator wants it. */
export class SignatureChecks {
  readonly #options: SignatureChecksOptions;

  constructor(options: SignatureChecksOptions) {
    this.#options = options;
  }

  /** An image that was pushed here. */
  async ofStored(repository: string, digest: Digest): Promise<void> {
    const { verifier, repositories, blobs } = this.#options;
    const source = new StoredSignatures(repository, repositories, blobs);
    await verifier.check(repository, digest, source);
  }

  /** What a reference names at its registry or, as the same, `at` a mirror of it. */
  async ofRemote(
    { registry, repository }: RemoteReference,
    digest: Digest,
    at: RemoteReference,
    signal: AbortSignal,
  ): Promise<void> {
    const source = new RemoteSignatures(this.#options.client, at, signal);
    await this.#options.verifier.check(`${registry}/${repository}`, digest, source);
  }
}
