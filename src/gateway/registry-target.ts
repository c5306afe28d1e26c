import { HostError } from '../domain/errors.ts';
import { isDigest, type Digest } from '../domain/ids.ts';
import { isRepositoryName, isTag } from '../domain/image-reference.ts';

/** What a path below `/v2/` names. */
export type RegistryTarget =
  | { readonly kind: 'root' }
  | { readonly kind: 'catalog' }
  | { readonly kind: 'tags'; readonly repository: string }
  | { readonly kind: 'manifest'; readonly repository: string; readonly reference: string }
  | { readonly kind: 'referrers'; readonly repository: string; readonly digest: Digest }
  | { readonly kind: 'blob'; readonly repository: string; readonly digest: Digest }
  | { readonly kind: 'uploads'; readonly repository: string }
  | { readonly kind: 'upload'; readonly repository: string; readonly id: string };

/**
 * Reads the path after `/v2/`, without a query. Repositories' names have slashes, so the end says
 * what it is. @throws HostError `invalid` for a bad name or digest, `not_found` for another path.
 */
export function parseRegistryTarget(path: string): RegistryTarget {
  if (path === '') return { kind: 'root' };
  if (path === '_catalog') return { kind: 'catalog' };
  const parts = path.split('/');
  const [last = ''] = parts.slice(-1);
  const ends = (...tail: readonly string[]) =>
    tail.every((part, i) => parts.at(i - tail.length - 1) === part);
  const repository = (tailParts: number) => checkedName(parts.slice(0, -tailParts).join('/'));
  if (ends('blobs', 'uploads')) {
    const name = repository(3);
    return last === ''
      ? { kind: 'uploads', repository: name }
      : { kind: 'upload', repository: name, id: last };
  }
  if (last === 'uploads' && ends('blobs')) return { kind: 'uploads', repository: repository(2) };
  if (last === 'list' && ends('tags')) return { kind: 'tags', repository: repository(2) };
  if (ends('blobs'))
    return { kind: 'blob', repository: repository(2), digest: checkedDigest(last) };
  if (ends('referrers')) {
    return { kind: 'referrers', repository: repository(2), digest: checkedDigest(last) };
  }
  if (ends('manifests')) {
    return { kind: 'manifest', repository: repository(2), reference: checkedReference(last) };
  }
  throw new HostError('not_found', 'registry.name_unknown', 'The registry has nothing there.');
}

function checkedName(name: string): string {
  if (isRepositoryName(name)) return name;
  throw new HostError(
    'invalid',
    'registry.name_invalid',
    `"${name.slice(0, 300)}" is not the name of a repository.`,
  );
}

export function checkedDigest(digest: string): Digest {
  if (isDigest(digest)) return digest;
  throw new HostError(
    'invalid',
    'registry.digest_invalid',
    `"${digest.slice(0, 300)}" is not a digest: sha256: and 64 hexadecimal digits.`,
  );
}

function checkedReference(reference: string): string {
  if (reference.includes(':')) return checkedDigest(reference);
  if (isTag(reference)) return reference;
  throw new HostError(
    'invalid',
    'registry.manifest_invalid',
    `"${reference.slice(0, 300)}" is neither a tag nor a digest.`,
  );
}
