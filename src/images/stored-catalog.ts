import { HostError } from '../domain/errors.ts';
import type { Digest } from '../domain/ids.ts';
import type { ImageCatalog, ImageTransfer, NamedImage } from '../domain/image-catalog.ts';
import {
  formatImageReference,
  parseImageReference,
  type ImageReference,
} from '../domain/image-reference.ts';
import type { ImageRepositories } from '../domain/registry.ts';
import type { BlobStore } from './blob-store.ts';
import type { RemoteImages } from './client/remote-images.ts';
import type { RemoteReference } from './client/remote-reference.ts';
import type { ImageIndex } from './image-index.ts';
import type { SignatureChecks } from './signature-checks.ts';
import { manifestLimitBytes, parseManifest } from './manifest-content.ts';

/** Repositories and tags shown in one list; more are for `/v2/_catalog`. */
const listLimit = 1000;

export interface StoredCatalogOptions {
  readonly blobs: BlobStore;
  readonly index: ImageIndex;
  readonly repositories: ImageRepositories;
  readonly remote: RemoteImages;
  readonly signatures: SignatureChecks;
}

/** What was pulled is in the index under its whole name, registry included. */
export class StoredCatalog implements ImageCatalog {
  readonly #options: StoredCatalogOptions;

  constructor(options: StoredCatalogOptions) {
    this.#options = options;
  }

  async list(): Promise<readonly NamedImage[]> {
    const { index, repositories } = this.#options;
    const names = [...(await index.list()).keys()].filter(isPulled);
    for (const repository of await repositories.list({ limit: listLimit })) {
      const tags = await repositories.tags(repository, { limit: listLimit });
      names.push(...tags.map((tag) => `${repository}:${tag}`));
    }
    const images = await Promise.all(
      names.toSorted().map(async (name) => {
        const digest = await this.#digestOf(parseImageReference(name));
        return digest && (await this.#describe(name, digest));
      }),
    );
    return images.filter((image) => image !== undefined);
  }

  async find(reference: ImageReference): Promise<NamedImage> {
    const digest = await this.#digestOf(reference);
    const image = digest && (await this.#describe(formatImageReference(reference), digest));
    if (image) return image;
    throw notHere(reference);
  }

  async pull(reference: ImageReference, transfer: ImageTransfer): Promise<Digest> {
    const { blobs, index, remote, signatures } = this.#options;
    if (!isRemote(reference)) {
      const { digest } = await this.find(reference);
      await signatures.ofStored(reference.repository, digest);
      return digest;
    }
    const digest = await remote.pull(reference, transfer, (found, at) =>
      signatures.ofRemote(reference, found, at, transfer.signal),
    );
    const content = await blobs.readSmall(digest, manifestLimitBytes);
    const { mediaType } = parseManifest(content);
    await index.set(pulledName(reference), { mediaType, digest, size: content.length });
    return digest;
  }

  async push(
    source: ImageReference,
    target: ImageReference,
    transfer: ImageTransfer,
  ): Promise<Digest> {
    if (!isRemote(target)) throw noTarget(target);
    const { digest } = await this.find(source);
    await this.#options.remote.push(digest, target, transfer);
    return digest;
  }

  async remove(reference: ImageReference): Promise<boolean> {
    const { index, repositories } = this.#options;
    if (isRemote(reference)) return await index.remove(pulledName(reference));
    const { repository, tag, digest } = reference;
    return await repositories.removeManifest(repository, digest ?? tag ?? 'latest');
  }

  async #digestOf(reference: ImageReference): Promise<Digest | undefined> {
    const { index, repositories } = this.#options;
    if (isRemote(reference)) return (await index.find(pulledName(reference)))?.digest;
    const { repository, tag, digest } = reference;
    return (await repositories.findManifest(repository, digest ?? tag ?? 'latest'))?.digest;
  }

  async #describe(name: string, digest: Digest): Promise<NamedImage | undefined> {
    const { blobs } = this.#options;
    if (!(await blobs.has(digest))) return undefined;
    const manifest = parseManifest(await blobs.readSmall(digest, manifestLimitBytes));
    const sizeBytes = manifest.blobs.reduce((sum, { size }) => sum + size, 0);
    return { name, digest, sizeBytes, layers: Math.max(manifest.blobs.length - 1, 0) };
  }
}

const isRemote = (reference: ImageReference): reference is RemoteReference =>
  reference.registry !== undefined;

const isPulled = (name: string): boolean => /^(localhost|[^/]*[.:][^/]*)\//.test(name);

/** With its tag or digest, so that one name is one image. */
function pulledName(reference: RemoteReference): string {
  const { tag, digest } = reference;
  return formatImageReference({
    ...reference,
    tag: digest === undefined ? (tag ?? 'latest') : tag,
  });
}

const notHere = (reference: ImageReference): HostError =>
  new HostError(
    'not_found',
    'image.not_found',
    reference.registry === undefined
      ? `There is no image ${formatImageReference(reference)} on this host. Push it here, or write its registry, too: docker.io/library/alpine:3.`
      : `${formatImageReference(reference)} was not pulled; "hearth image pull" does that.`,
  );

const noTarget = (target: ImageReference): HostError =>
  new HostError(
    'invalid',
    'image.no_target',
    `"${formatImageReference(target)}" names no registry to push to, such as registry.example.com/team/app:1.`,
  );
