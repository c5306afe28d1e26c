import { join } from 'node:path';
import type {
  BaseImageBuilder,
  ImageImporter,
  ImageProvider,
  PackageBuilder,
} from '../domain/image.ts';
import type { BlobArchive } from '../domain/backup.ts';
import type { ImageCatalog, ImagePull, ImageTransfer } from '../domain/image-catalog.ts';
import type { ImageGarbage } from '../domain/image-garbage.ts';
import type { BlobUploads, ImageRepositories, PublishedRepository } from '../domain/registry.ts';
import { imageLimitBytes } from '../domain/limits.ts';
import type { BuiltVersion } from '../domain/version.ts';
import { ArchiveImporter } from './archive-importer.ts';
import { RecipeImageBuilder } from './base-image.ts';
import { blobArchive } from './blob-archive.ts';
import { BlobStore } from './blob-store.ts';
import { RegistryClient } from './client/registry-client.ts';
import { dockerCredentials } from './client/registry-credentials.ts';
import { RemoteImages } from './client/remote-images.ts';
import type { Mirrors } from './client/remote-reference.ts';
import { GarbageCollector } from './gc/garbage-collector.ts';
import { GatewayMark, NodeGarbage } from './gc/node-garbage.ts';
import { RecentUse } from './gc/recent-use.ts';
import { ImageIndex } from './image-index.ts';
import { gatewayOrigin, registryOrigin, withGateway, type GatewayOrigin } from './image-origin.ts';
import { ImageSources } from './image-sources.ts';
import { ImageStore } from './image-store.ts';
import { LayerStore } from './layer-store.ts';
import { OriginImages } from './origin-images.ts';
import { LayeredPackageBuilder } from './package-builder.ts';
import { publishVersion } from './publish-version.ts';
import type { BaseImageOptions } from './recipe.ts';
import { isReserved, PublishedRepositories, type PublishedSource } from './registry/published.ts';
import { RepositoryStore } from './registry/repository-store.ts';
import { UploadStore } from './registry/upload-store.ts';
import { SignatureChecks } from './signature-checks.ts';
import type { SignatureRule } from './signatures/signature-policy.ts';
import { SignatureVerifier } from './signatures/signature-verifier.ts';
import { StoredCatalog } from './stored-catalog.ts';

export { PeriodicCollection } from './gc/periodic-collection.ts';
export { machinePrograms } from './machine-programs.ts';

export interface ImagesOptions extends BaseImageOptions {
  /** An OCI image layout, with the unpacked layers beside its blobs. */
  readonly dir: string;
  /** What is deployed, as repositories: it can be pulled and is needed. Default: nothing. */
  readonly deployed?: () => ReadonlyMap<string, PublishedRepository>;
  /** All of an image is here that a registry was asked for. */
  readonly onPulled?: (pull: ImagePull) => void;
  /** How registries are reached. */
  readonly registries: {
    /** Docker's config.json. */
    readonly credentialsFile: string;
    /** Spoken to without TLS; loopback always is. */
    readonly plainHosts: readonly string[];
    /** Registries to ask before others, by those. */
    readonly mirrors?: Mirrors;
    readonly signatureRules?: readonly SignatureRule[];
    /** A repository of another registry that versions are pushed to and nodes pull from. */
    readonly repository?: string | undefined;
    /** Where a node without the gateway's disk pulls from, unless there is a repository. */
    readonly gateway?: GatewayOrigin | undefined;
  };
}

export interface Images {
  /**
   * Makes the folders. Idempotent. `exclusive`: no other process uses them yet, so what an
   * interrupted one left is removed. `isGateways`: they are a gateway's from now on.
   */
  open(options: { readonly exclusive: boolean; readonly isGateways?: boolean }): Promise<void>;
  readonly provider: ImageProvider;
  /** The same for a worker, which may have another disk than the gateway. */
  readonly node: NodeImages;
  /** Pushes a version, and the base image under it, to the other registry, where there is one. */
  publish(version: BuiltVersion, transfer: ImageTransfer): Promise<void>;
  readonly packages: PackageBuilder;
  readonly archives: ImageImporter;
  readonly baseImages: BaseImageBuilder;
  /** For backups. */
  readonly blobs: BlobArchive;
  /** What `/v2/` serves: what was pushed, the base images, and what is deployed. */
  readonly registry: Registry;
}

export interface NodeImages extends Pick<OriginImages, 'has' | 'prepare' | 'prepareBase'> {
  /** Of a disk of its own; on a gateway's it finds nothing, as the gateway knows more. */
  readonly garbage: ImageGarbage;
}

export interface Registry {
  readonly repositories: ImageRepositories;
  readonly uploads: BlobUploads;
  readonly catalog: ImageCatalog;
  readonly garbage: ImageGarbage;
  readonly bases: BaseImageBuilder;
}

/** The images of one data folder. */
export function createImages(options: ImagesOptions): Images {
  const blobs = new BlobStore(options.dir);
  const index = new ImageIndex(options.dir);
  const { credentialsFile, plainHosts, mirrors = {}, signatureRules = [] } = options.registries;
  const { repository, gateway } = options.registries;
  const access = { credentials: dockerCredentials(credentialsFile), plainHosts };
  const client = new RegistryClient(gateway ? withGateway(access, gateway) : access);
  const recent = new RecentUse();
  const { onPulled = () => {} } = options;
  const remote = new RemoteImages({ blobs, client, recent, mirrors, onPulled });
  const verifier = new SignatureVerifier(signatureRules);
  const layers = new LayerStore(join(options.dir, 'layers'), blobs, recent);

  const provider = new ImageStore(blobs, layers);
  const target = repository === undefined ? undefined : registryOrigin(repository);
  const origin = target ?? (gateway && gatewayOrigin(gateway));

  const gatewayMark = new GatewayMark(options.dir);
  const published: PublishedSource = async () =>
    new Map([...(await basesOf(index)), ...(options.deployed?.() ?? [])]);
  const repositories = new RepositoryStore(
    join(options.dir, 'repositories'),
    blobs,
    new PublishedRepositories(published, blobs),
  );
  const uploads = new UploadStore(repositories, blobs);
  const { dir } = options;
  const stores = { dir, blobs, index, published, repositories, uploads, recent };
  const garbage = new GarbageCollector(stores);
  const signatures = new SignatureChecks({ verifier, client, repositories, blobs });
  const catalog = new StoredCatalog({ blobs, index, repositories, remote, signatures });
  const resolver = new ImageSources({
    blobs,
    catalog,
    admitUnnamed: (digest) => verifier.check(digest, digest),
  });
  const baseImages = new RecipeImageBuilder({ ...options, blobs, index, layers, resolver });
  const node = new OriginImages({ blobs, index, remote, provider, bases: baseImages, origin });

  return {
    async open({ exclusive, isGateways = false }) {
      await blobs.open();
      await layers.open();
      if (exclusive) await Promise.all([blobs.removeLeftovers(), layers.removeLeftovers()]);
      if (isGateways) await gatewayMark.set();
    },
    provider,
    node: Object.assign(node, { garbage: new NodeGarbage(garbage, gatewayMark) }),
    publish: async (version, transfer) =>
      target && (await publishVersion({ target, remote, bases: baseImages }, version, transfer)),
    packages: new LayeredPackageBuilder({
      blobs,
      bases: baseImages,
      resolver,
      init: options.programs.init,
    }),
    archives: new ArchiveImporter(blobs, imageLimitBytes),
    baseImages,
    blobs: blobArchive(blobs),
    registry: { repositories, uploads, catalog, garbage, bases: baseImages },
  };
}

/** Base images are repositories of their own, such as `hearth/node24:latest`. */
async function basesOf(index: ImageIndex): Promise<Map<string, PublishedRepository>> {
  const named = [...(await index.list())].filter(([name]) => isReserved(name));
  return new Map(
    named.map(([name, { digest }]) => [
      name,
      { tags: new Map([['latest', digest]]), digests: [digest] },
    ]),
  );
}
