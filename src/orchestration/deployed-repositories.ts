import type { FunctionRecord } from '../domain/function.ts';
import type { Digest } from '../domain/ids.ts';
import type { PublishedRepository } from '../domain/registry.ts';

/** All versions of all functions, by digest: from here worker nodes pull what they lack. */
export const allVersionsRepository = 'hearth/versions';

/**
 * What is deployed as repositories of images: `functions/<name>` with a tag for the number of each
 * version and `live` for the one that serves. `preparing`: versions that nodes are to make ready
 * before they are deployed.
 */
export function deployedRepositories(
  records: readonly FunctionRecord[],
  preparing: readonly Digest[] = [],
): ReadonlyMap<string, PublishedRepository> {
  const repositories = new Map<string, PublishedRepository>();
  for (const { name, live, versions } of records) {
    const tags = new Map(versions.map(({ number, digest }) => [String(number), digest]));
    const digests = versions.map(({ digest }) => digest);
    repositories.set(`functions/${name}`, { tags: tags.set('live', live), digests });
  }
  const deployed = records.flatMap(({ versions }) => versions.map(({ digest }) => digest));
  const all = [...deployed, ...preparing];
  return repositories.set(allVersionsRepository, { tags: new Map(), digests: all });
}
