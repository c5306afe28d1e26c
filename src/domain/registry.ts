import type { Readable } from 'node:stream';
import type { Digest } from './ids.ts';

/** A manifest as it was pushed, byte for byte. */
export interface StoredManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly content: Uint8Array;
}

/** What a repository's list of referrers says of one manifest that has a subject. */
export interface Referrer {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A repository of the host's own: what was built or deployed, to be pulled. */
export interface PublishedRepository {
  readonly tags: ReadonlyMap<string, Digest>;
  /** Manifests that can be had by digest, those of the tags among them. */
  readonly digests: readonly Digest[];
}

export interface Page {
  readonly limit: number;
  /** The last item of the page before. */
  readonly after?: string;
}

/**
 * Repositories of images, as the OCI distribution specification has them: each with manifests by
 * digest, tags that point at them, and the blobs that were pushed to it. What lies in one is not
 * seen from another. Names, tags and digests have been checked by the caller.
 *
 * Some are the host's own (`hearth/…`, `functions/…`): they show what was built and deployed and
 * cannot be written: every change of one fails with `forbidden`.
 */
export interface ImageRepositories {
  /** Sorted. */
  list(page: Page): Promise<readonly string[]>;
  /** Sorted. @throws HostError `not_found` when there is no such repository. */
  tags(repository: string, page: Page): Promise<readonly string[]>;
  findManifest(repository: string, reference: string): Promise<StoredManifest | undefined>;
  /**
   * Durable when it resolves. `reference` is a tag, or the content's own digest. All that the
   * manifest names must have been pushed before, except its subject. Idempotent.
   * @throws HostError `invalid` (`registry.manifest_invalid`, `registry.manifest_blob_unknown`).
   */
  putManifest(
    repository: string,
    reference: string,
    manifest: { readonly mediaType: string; readonly content: Uint8Array },
  ): Promise<{ readonly digest: Digest; readonly subject: Digest | undefined }>;
  /** A tag, or a manifest with all tags that point at it. False when there was none. */
  removeManifest(repository: string, reference: string): Promise<boolean>;
  /** Manifests of the repository whose subject is this one, which itself may be missing. */
  referrers(repository: string, subject: Digest): Promise<readonly Referrer[]>;
  findBlob(repository: string, digest: Digest): Promise<{ readonly sizeBytes: number } | undefined>;
  /** Bytes `start` to `end`, both included. Only of a blob that was found. */
  readBlob(digest: Digest, range?: { readonly start: number; readonly end: number }): Readable;
  removeBlob(repository: string, digest: Digest): Promise<boolean>;
  /** Makes a blob of another repository one of this. False when the other has none. */
  mountBlob(repository: string, digest: Digest, from: string): Promise<boolean>;
  /** @throws HostError `forbidden` where nothing can be pushed. */
  checkWritable(repository: string): void;
}

/**
 * Blobs on their way into a repository, in pieces or at once. They survive a restart; one that
 * nobody continues is removed after a day. Pieces of one upload are taken one after the other.
 */
export interface BlobUploads {
  /** @throws HostError `throttled` when too many are under way. */
  begin(repository: string): Promise<string>;
  /** Bytes that have arrived. @throws HostError `not_found`. */
  size(repository: string, id: string): Promise<number>;
  /**
   * Adds to the end; resolves to the new size. What arrived before a failure is kept.
   * @throws HostError `invalid` (`registry.range_invalid`) when `start` is not the end;
   *   `too_large` past the limit of a blob, and the upload is over.
   */
  append(
    repository: string,
    id: string,
    content: AsyncIterable<Uint8Array>,
    start: number | undefined,
  ): Promise<number>;
  /**
   * Checks all that has arrived against the digest and makes it a blob of the repository, durable
   * when it resolves. @throws HostError `invalid` (`registry.digest_invalid`), and the upload is over.
   */
  finish(repository: string, id: string, digest: Digest): Promise<void>;
  /** @throws HostError `not_found`. */
  cancel(repository: string, id: string): Promise<void>;
}
