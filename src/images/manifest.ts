import { HostError } from '../domain/errors.ts';
import { isDigest, type Digest } from '../domain/ids.ts';
import type { BlobStore } from './blob-store.ts';

/** Media types of the OCI image specification 1.1, as far as they are written here. */
export const mediaTypes = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
} as const;

const manifestLimitBytes = 4 * 1024 * 1024;
const configLimitBytes = 1024 * 1024;
const layerLimit = 128;

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

export interface Manifest {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** The part of an image's configuration that Hearth reads and writes. */
export interface ImageConfig {
  readonly architecture: string;
  readonly os: 'linux';
  readonly config: {
    readonly User?: string | null;
    readonly Env?: readonly string[] | null;
    readonly Entrypoint?: readonly string[] | null;
    readonly Cmd?: readonly string[] | null;
    readonly WorkingDir?: string | null;
    readonly Labels?: Readonly<Record<string, string>> | null;
  };
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly Digest[] };
}

export interface Image {
  readonly manifest: Manifest;
  readonly config: ImageConfig;
}

/** Stores configuration and manifest and gives the manifest's digest: that of the image. */
export async function writeImage(
  blobs: BlobStore,
  config: ImageConfig,
  layers: readonly Descriptor[],
): Promise<Descriptor> {
  const configBlob = await blobs.put(Buffer.from(JSON.stringify(config)));
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: {
      mediaType: mediaTypes.config,
      digest: configBlob.digest,
      size: configBlob.sizeBytes,
    },
    layers,
  };
  const { digest, sizeBytes } = await blobs.put(Buffer.from(JSON.stringify(manifest)));
  return { mediaType: mediaTypes.manifest, digest, size: sizeBytes };
}

/** @throws HostError `not_found`; `invalid` when it is not an image that can be run here. */
export async function readImage(blobs: BlobStore, digest: Digest): Promise<Image> {
  const manifest = parse(await blobs.readSmall(digest, manifestLimitBytes)) as Partial<Manifest>;
  const { layers, config: descriptor } = manifest;
  if (!Array.isArray(layers) || !isDigest(descriptor?.digest ?? '')) {
    throw notAnImage(digest, 'its manifest names no layers and configuration');
  }
  if (layers.length > layerLimit) throw notAnImage(digest, `it has over ${layerLimit} layers`);
  const configBytes = await blobs.readSmall((manifest as Manifest).config.digest, configLimitBytes);
  const config = parse(configBytes) as Partial<ImageConfig>;
  const diffIds = config.rootfs?.diff_ids;
  if (diffIds?.length !== layers.length || !diffIds.every(isDigest)) {
    throw notAnImage(digest, 'its configuration does not match its layers');
  }
  return { manifest: manifest as Manifest, config: config as ImageConfig };
}

function parse(bytes: Buffer): object {
  try {
    return Object(JSON.parse(bytes.toString())) as object;
  } catch (cause) {
    throw new HostError('invalid', 'image.not_json', 'The image has a part that is not JSON.', {
      cause,
    });
  }
}

export function notAnImage(digest: Digest, why: string): HostError {
  return new HostError('invalid', 'image.unusable', `The image ${digest} cannot be used: ${why}.`);
}
