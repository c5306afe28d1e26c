import { beforeEach, describe, expect, test } from 'vitest';
import type { Digest } from '../../../src/domain/ids.ts';
import { digestOf, type BlobStore } from '../../../src/images/blob-store.ts';
import { PublishedRepositories } from '../../../src/images/registry/published.ts';

const count = 3000;
const digest = (kind: string, number: number): Digest => digestOf(Buffer.from(`${kind} ${number}`));

/** Versions by number, each with a layer of its own on one that all have. */
const manifests = new Map(
  Array.from({ length: count }, (_, number) => {
    const blob = (of: Digest) => ({ mediaType: 'application/x', digest: of, size: 1 });
    const manifest = {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: blob(digest('config', number)),
      layers: [blob(digest('base', 0)), blob(digest('layer', number))],
    };
    return [digest('manifest', number), Buffer.from(JSON.stringify(manifest))] as const;
  }),
);

let reads: number;
let repositories: PublishedRepositories;
beforeEach(() => {
  reads = 0;
  const blobs = {
    readSmall: async (of: Digest) => {
      reads += 1;
      return manifests.get(of);
    },
  } as unknown as BlobStore;
  const versions = { tags: new Map(), digests: [...manifests.keys()] };
  const other = { tags: new Map(), digests: [digest('manifest', 1)] };
  repositories = new PublishedRepositories(
    async () =>
      new Map([
        ['hearth/versions', versions],
        ['functions/other', other],
      ]),
    blobs,
  );
});

describe('a repository with thousands of versions', () => {
  test('is not searched for the blobs of one that was just asked for', async () => {
    for (const number of [0, 1500, 2999]) {
      const manifest = digest('manifest', number);
      expect(await repositories.resolve('hearth/versions', manifest)).toBe(manifest);
      for (const blob of [digest('base', 0), digest('layer', number), digest('config', number)]) {
        expect(await repositories.hasBlob('hearth/versions', blob)).toBe(true);
      }
    }
    expect(reads).toBe(3);
  });

  test('has no blobs of others, and others have none of it', async () => {
    await repositories.resolve('hearth/versions', digest('manifest', 7));
    expect(await repositories.hasBlob('functions/other', digest('layer', 7))).toBe(false);
    expect(await repositories.hasBlob('functions/other', digest('layer', 1))).toBe(true);
    expect(await repositories.hasBlob('hearth/versions', digest('nothing', 0))).toBe(false);
  });
});
