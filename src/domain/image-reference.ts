import { HostError } from './errors.ts';
import { isDigest, type Digest } from './ids.ts';

/**
 * The name of an image: `[registry/]repository[:tag][@digest]`. Without a registry it names an
 * image that was pushed to this host; there is no default registry. With a digest the tag says
 * nothing more: the digest decides.
 */
export interface ImageReference {
  /** Host and port, in lower case. */
  readonly registry: string | undefined;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

const repositoryLimit = 255;
const repositoryPattern =
  /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const registryPattern = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::[0-9]{1,5})?$/;

/** A name of the distribution specification; safe as a path, no part of it is `..` or begins with `_`. */
export const isRepositoryName = (text: string): boolean =>
  text.length <= repositoryLimit && repositoryPattern.test(text);

export const isTag = (text: string): boolean => tagPattern.test(text);

/** @throws HostError `invalid`. */
export function parseImageReference(text: string): ImageReference {
  const [named = '', digest, ...more] = text.split('@');
  const colon = named.indexOf(':', named.lastIndexOf('/'));
  const name = colon < 0 ? named : named.slice(0, colon);
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  const hasRegistry = /[.:]/.test(first) || first === 'localhost';
  const registry = hasRegistry ? first.toLowerCase() : undefined;
  const repository = hasRegistry ? name.slice(slash + 1) : name;
  const isValid =
    more.length === 0 &&
    isRepositoryName(repository) &&
    (registry === undefined || registryPattern.test(registry)) &&
    (tag === undefined || isTag(tag)) &&
    (digest === undefined || isDigest(digest));
  if (isValid) return { registry, repository, tag, digest };
  throw new HostError(
    'invalid',
    'image.bad_reference',
    `"${text.slice(0, 300)}" is not the name of an image, such as registry.example.com/team/app:1 or team/app:1.`,
  );
}

export function formatImageReference(reference: ImageReference): string {
  const { registry, repository, tag, digest } = reference;
  const name = registry === undefined ? repository : `${registry}/${repository}`;
  const tagged = tag === undefined ? name : `${name}:${tag}`;
  return digest === undefined ? tagged : `${tagged}@${digest}`;
}
