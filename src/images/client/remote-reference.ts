import { HostError } from '../../domain/errors.ts';
import { formatImageReference, type ImageReference } from '../../domain/image-reference.ts';
import type { RegistryRequest } from './registry-client.ts';

/** A reference that names a registry. */
export type RemoteReference = ImageReference & { readonly registry: string };

/** By registry: others that have the same, `host[:port]` and what comes before the repository. */
export type Mirrors = Readonly<Record<string, readonly string[]>>;

/** Where a repository lies at its registry: Docker's own images have a first part that nobody writes. */
const repositoryAt = ({ registry, repository }: RemoteReference): string =>
  registry === 'docker.io' && !repository.includes('/') ? `library/${repository}` : repository;

export const where = (
  reference: RemoteReference,
  action: 'pull' | 'push',
): Pick<RegistryRequest, 'registry' | 'repository' | 'action'> => ({
  registry: reference.registry,
  repository: repositoryAt(reference),
  action,
});

/** The same image at the registry's mirrors, in their order. */
export function mirrored(reference: RemoteReference, mirrors: Mirrors): readonly RemoteReference[] {
  const { tag, digest } = reference;
  return (mirrors[reference.registry] ?? []).map((mirror) => {
    const [registry = '', ...prefix] = mirror.split('/');
    return { registry, repository: [...prefix, repositoryAt(reference)].join('/'), tag, digest };
  });
}

/** @throws HostError for any other; `not_found` for 404. */
export async function expectStatus(
  response: Response,
  status: number,
  reference: RemoteReference,
): Promise<void> {
  if (response.status === status) return;
  const name = formatImageReference(reference);
  const text = (await response.text().catch(() => '')).slice(0, 300);
  if (response.status === 404) {
    throw new HostError('not_found', 'image.not_found', `There is no image ${name}.`);
  }
  const code = response.status >= 500 ? 'unavailable' : 'invalid';
  throw new HostError(
    code,
    'image.registry_failed',
    `${reference.registry} answered ${response.status} for ${name}: ${text}`,
  );
}

/** A small answer. @throws HostError `invalid` for one over the limit. */
export async function readWhole(response: Response, limitBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > limitBytes)
      throw new HostError('invalid', 'image.large_manifest', 'The manifest is too large.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
