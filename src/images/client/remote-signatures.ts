import type { Digest } from '../../domain/ids.ts';
import {
  manifestLimitBytes,
  manifestTypes,
  parseManifest,
  type ManifestContent,
} from '../manifest-content.ts';
import {
  payloadLimitBytes,
  signatureLimit,
  type SignatureSource,
} from '../signatures/signature-verifier.ts';
import {
  signatureArtifactType,
  signatureTag,
  type SignatureLayer,
} from '../signatures/simple-signing.ts';
import { digestOf } from '../blob-store.ts';
import type { RegistryClient } from './registry-client.ts';
import { expectStatus, readWhole, where, type RemoteReference } from './remote-reference.ts';

/** Signatures that lie beside an image in its registry. */
export class RemoteSignatures implements SignatureSource {
  readonly #client: RegistryClient;
  readonly #reference: RemoteReference;
  readonly #signal: AbortSignal;

  constructor(client: RegistryClient, reference: RemoteReference, signal: AbortSignal) {
    this.#client = client;
    this.#reference = reference;
    this.#signal = signal;
  }

  async manifests(digest: Digest): Promise<readonly ManifestContent[]> {
    const tagged = await this.#get(`manifests/${signatureTag(digest)}`);
    const found = tagged ? [parseManifest(tagged)] : [];
    for (const referrer of await this.#referrers(digest)) {
      const content = await this.#get(`manifests/${referrer}`);
      if (content && digestOf(content) === referrer) found.push(parseManifest(content));
    }
    return found;
  }

  async payload({ digest, size }: SignatureLayer): Promise<Uint8Array> {
    const content = await this.#get(`blobs/${digest}`, Math.min(size, payloadLimitBytes));
    // Other content is no danger, as its own digest would have to be in what is signed; it is of no use.
    return content && digestOf(content) === digest ? content : new Uint8Array();
  }

  /** By the registry's list; where it has none, by the tag that clients keep one under instead. */
  async #referrers(digest: Digest): Promise<readonly Digest[]> {
    const content =
      (await this.#get(`referrers/${digest}`)) ??
      (await this.#get(`manifests/${digest.replace(':', '-')}`));
    if (!content) return [];
    return parseManifest(content)
      .children.filter(({ artifactType }) => artifactType === signatureArtifactType)
      .map((child) => child.digest)
      .slice(-signatureLimit);
  }

  /** Undefined where the registry has nothing there. */
  async #get(path: string, limitBytes = manifestLimitBytes): Promise<Buffer | undefined> {
    const response = await this.#client.send(
      {
        ...where(this.#reference, 'pull'),
        path,
        headers: path.startsWith('blobs/') ? {} : { accept: manifestTypes.join(', ') },
      },
      this.#signal,
    );
    if (response.status === 404) {
      await response.body?.cancel();
      return undefined;
    }
    await expectStatus(response, 200, this.#reference);
    return await readWhole(response, limitBytes);
  }
}
