import { HostError } from '../domain/errors.ts';
import { isDigest } from '../domain/ids.ts';
import type { Descriptor } from './manifest.ts';

const indexTypes = new Set([
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
]);

interface ListedManifest extends Descriptor {
  readonly platform?: { readonly os?: string; readonly architecture?: string } | undefined;
}

export function isIndex({ mediaType }: Descriptor): boolean {
  return indexTypes.has(mediaType);
}

/** This machine's architecture as images name it. */
export const architecture = process.arch === 'x64' ? 'amd64' : process.arch;

export const isForThisMachine = ({ platform }: Pick<ListedManifest, 'platform'>): boolean =>
  platform?.os === 'linux' && platform.architecture === architecture;

/**
 * Of what an index lists, the manifest for this machine; one that names no platform will do.
 * @throws HostError `invalid` when there is none.
 */
export function chooseManifest(index: unknown): Descriptor {
  const { manifests } = Object(index) as { readonly manifests?: unknown };
  const listed = Array.isArray(manifests) ? (manifests as Partial<ListedManifest>[]) : [];
  const usable = listed.filter(
    (one): one is ListedManifest => typeof one.digest === 'string' && isDigest(one.digest),
  );
  const chosen =
    usable.find(isForThisMachine) ?? usable.find(({ platform }) => platform === undefined);
  if (chosen) return chosen;
  throw new HostError(
    'invalid',
    'image.no_platform',
    `The image has nothing for linux/${architecture}, which this machine is.`,
  );
}
