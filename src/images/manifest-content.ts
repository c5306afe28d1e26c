import { HostError } from '../domain/errors.ts';
import { isDigest, type Digest } from '../domain/ids.ts';

/** A manifest is read into memory whole; more is a mistake or an attack. */
export const manifestLimitBytes = 4 * 1024 * 1024;

/** Types of manifests that are taken: those of the OCI image specification 1.1 and of Docker. */
const imageTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];
const indexTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];
export const manifestTypes: readonly string[] = [...imageTypes, ...indexTypes];

const childLimit = 1000;

/** One image of an index, and what it runs on. */
export interface IndexChild {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType: string | undefined;
  readonly platform:
    | { readonly os?: string; readonly architecture?: string; readonly variant?: string }
    | undefined;
}

/** One blob that a manifest names. */
export interface BlobDescriptor {
  readonly digest: Digest;
  readonly size: number;
  readonly mediaType: string | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
}

/** What a manifest says of other content. `urls` of layers are ignored: content comes from us. */
export interface ManifestContent {
  readonly mediaType: string;
  /** Configuration first, then the layers in their order; none for an index. */
  readonly blobs: readonly BlobDescriptor[];
  /** The manifests of an index. */
  readonly children: readonly IndexChild[];
  readonly subject: Digest | undefined;
  readonly artifactType: string | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
}

/**
 * What bytes of some type say, all digests and sizes checked. `mediaType`: what they were announced
 * as, where they were. @throws HostError `invalid`, `registry.manifest_invalid`.
 */
export function parseManifest(content: Uint8Array, announced?: string): ManifestContent {
  if (content.length > manifestLimitBytes) throw invalid(`is over ${manifestLimitBytes} bytes`);
  const manifest = parseObject(content);
  const own = text(manifest['mediaType']);
  if (own !== undefined && announced !== undefined && own !== announced) {
    throw invalid(`calls itself ${own} but came as ${announced}`);
  }
  const mediaType = announced ?? own ?? guessType(manifest);
  if (manifest['schemaVersion'] !== 2) throw invalid('has not schemaVersion 2');
  // A document that is both can be one thing to who checks it and another to who runs it.
  if ('manifests' in manifest && ('layers' in manifest || 'config' in manifest)) {
    throw invalid('is an index and an image at once');
  }
  const common = {
    mediaType,
    subject: 'subject' in manifest ? descriptor(manifest['subject'], 'subject').digest : undefined,
    artifactType: text(manifest['artifactType']),
    annotations: annotations(manifest['annotations']),
  };
  if (indexTypes.includes(mediaType)) {
    return { ...common, blobs: [], children: list(manifest['manifests'], 'manifests').map(child) };
  }
  if (!imageTypes.includes(mediaType)) throw invalid(`has the unknown type ${mediaType}`);
  const config = manifest['config'];
  const layers = list(manifest['layers'], 'layers').map((layer) => blob(layer, 'layers'));
  return {
    ...common,
    artifactType: common.artifactType ?? text((config as Fields | undefined)?.['mediaType']),
    blobs: [blob(config, 'config'), ...layers],
    children: [],
  };
}

type Fields = Readonly<Record<string, unknown>>;

function parseObject(content: Uint8Array): Fields {
  try {
    const value: unknown = JSON.parse(Buffer.from(content).toString());
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Fields;
    }
  } catch (cause) {
    throw invalid('is not JSON', cause);
  }
  throw invalid('is not a JSON object');
}

/** Early OCI manifests do not say what they are. */
function guessType(manifest: Fields): string {
  return ('manifests' in manifest ? indexTypes[0] : imageTypes[0]) ?? '';
}

function list(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(`has no list of ${name}`);
  if (value.length > childLimit) throw invalid(`has over ${childLimit} ${name}`);
  return value as readonly unknown[];
}

function descriptor(value: unknown, where: string): { digest: Digest; size: number } {
  const { digest, size } = Object(value) as { digest?: unknown; size?: unknown };
  if (typeof digest !== 'string' || !isDigest(digest)) {
    throw invalid(`has no valid digest in ${where}`);
  }
  if (!Number.isSafeInteger(size) || (size as number) < 0) {
    throw invalid(`has no valid size in ${where}`);
  }
  return { digest, size: size as number };
}

function blob(value: unknown, where: string): BlobDescriptor {
  const checked = descriptor(value, where);
  const fields = value as Fields;
  return {
    ...checked,
    mediaType: text(fields['mediaType']),
    annotations: annotations(fields['annotations']),
  };
}

function child(value: unknown): IndexChild {
  const { digest, size } = descriptor(value, 'manifests');
  const { mediaType, artifactType, platform } = value as Fields;
  return {
    mediaType: text(mediaType) ?? '',
    digest,
    size,
    artifactType: text(artifactType),
    platform: platformOf(platform),
  };
}

function platformOf(value: unknown): IndexChild['platform'] {
  if (typeof value !== 'object' || value === null) return undefined;
  const { os, architecture, variant } = value as Fields;
  const fields = Object.entries({ os, architecture, variant });
  return Object.fromEntries(fields.filter(([, part]) => typeof part === 'string'));
}

function annotations(value: unknown): Readonly<Record<string, string>> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const pairs = Object.entries(value).filter(([, part]) => typeof part === 'string');
  return Object.fromEntries(pairs) as Record<string, string>;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function invalid(what: string, cause?: unknown): HostError {
  return new HostError('invalid', 'registry.manifest_invalid', `The manifest ${what}.`, { cause });
}
