import { stat } from 'node:fs/promises';
import type { ArchivedBlob, BlobArchive } from '../domain/backup.ts';
import { HostError } from '../domain/errors.ts';
import type { Digest } from '../domain/ids.ts';
import { ifThere } from '../lib/durable-file.ts';
import type { BlobStore } from './blob-store.ts';
import { readImage } from './manifest.ts';

/** What backups read and write of a store of blobs. */
export function blobArchive(blobs: BlobStore): BlobArchive {
  const sized = async (digest: Digest): Promise<ArchivedBlob> => {
    const found = await ifThere(stat(blobs.path(digest)));
    if (found) return { digest, sizeBytes: found.size };
    throw new HostError(
      'not_found',
      'images.blob_missing',
      `The blob ${digest} of a deployed version is not in this gateway's store.`,
    );
  };
  return {
    async blobsOf(image) {
      const { manifest } = await readImage(blobs, image);
      const parts = [manifest.config, ...manifest.layers].map(({ digest }) => digest);
      return Promise.all([image, ...parts].map(sized));
    },
    read: (digest) => blobs.read(digest),
    put: async (content, claim) => void (await blobs.put(content, claim)),
  };
}
