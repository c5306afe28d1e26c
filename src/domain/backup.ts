import type { Readable } from 'node:stream';
import type { Digest } from './ids.ts';

/** All that users have defined, and the images of their versions, as one stream. */
export interface Backups {
  /**
   * A tar (see orchestration/README.md). Secrets and keys stay sealed: it is of no use without the
   * master key. Made while it is read, with no image whole in memory; a failure breaks it off.
   */
  write(): Promise<Readable>;
  /**
   * Makes this installation the one that was backed up. All is checked before anything is defined:
   * what fails leaves no definition, only blobs for the garbage collection.
   * @throws HostError `conflict` where something is defined already; `invalid` for what is no whole
   *   backup, is of a newer Hearth, or was sealed with a master key that is not here.
   */
  restore(archive: Readable): Promise<RestoreReport>;
}

export interface RestoreReport {
  readonly functions: number;
  readonly versions: number;
  readonly secrets: number;
  readonly keys: number;
  readonly networks: number;
  readonly blobs: number;
  /** Volumes that functions mount, which a backup does not have. */
  readonly missingVolumes: readonly string[];
}

/** Images as blobs, for backups. */
export interface BlobArchive {
  /** Blobs of an image: its manifest, its configuration, its layers. @throws HostError `not_found`. */
  blobsOf(image: Digest): Promise<readonly ArchivedBlob[]>;
  read(digest: Digest): Readable;
  /** @throws HostError `invalid` when the content is not what its digest and size say. */
  put(content: AsyncIterable<Uint8Array>, blob: ArchivedBlob): Promise<void>;
}

export interface ArchivedBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
}
