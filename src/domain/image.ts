import type { Readable } from 'node:stream';
import type { FunctionSpec, Runtime } from './function.ts';
import type { Digest } from './ids.ts';
import type { ImageProgress } from './image-catalog.ts';

/** An image unpacked on this node and ready to be the root of sandboxes. */
export interface PreparedImage {
  readonly digest: Digest;
  /** Directories of the layers, topmost first, as overlayfs wants its `lowerdir`. Read-only. */
  readonly layerDirs: readonly string[];
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** Whom its program is run as; never root. */
  readonly user: { readonly uid: number; readonly gid: number };
  readonly workingDir: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What a worker needs: images by digest, unpacked once however many ask at the same time. */
export interface ImageProvider {
  /** @throws HostError `not_found` when no such image is stored; `invalid` when it is unsafe. */
  prepare(digest: Digest, signal: AbortSignal): Promise<PreparedImage>;
}

/** What a deploy needs: a package made into an image on the runtime's base. */
export interface PackageBuilder {
  /**
   * Stores a package (an uncompressed tar with the files of the function's folder) as an image
   * whose topmost layer has them under /var/task, without the root's `hearth.json`, for which the
   * spec stands. Reproducible: the same spec and the same files give the same digest, whatever
   * their times and order were.
   * The runtime's base image is built first, where that has not been done. A function that is an
   * image of the user's own becomes that image, with the settings and what every sandbox needs.
   * @throws HostError `invalid` for an unsafe or broken tar, `too_large`, `unavailable` when this
   *   machine lacks what the base image is made of.
   */
  build(
    spec: FunctionSpec,
    packageTar: Readable,
    onProgress?: (blob: ImageProgress) => void,
  ): Promise<Digest>;
}

/** Images of users' own: what a reference names, all of it stored here when it resolves. */
export interface ImageResolver {
  /** The manifest's digest. @throws HostError `not_found`; `invalid` where it has nothing to run here. */
  resolve(reference: string, onProgress?: (blob: ImageProgress) => void): Promise<Digest>;
}

export interface ImageImporter {
  /**
   * Stores the image of an archive (an OCI layout as a tar, or what `docker save` makes, also
   * gzipped). @throws HostError `invalid`, `too_large`.
   */
  import(archive: Readable): Promise<Digest>;
}

export interface EnsuredImage {
  readonly digest: Digest;
  readonly built: boolean;
}

/** The base image of a runtime, made from what is on the machine when it is first needed. */
export interface BaseImageBuilder {
  /** Idempotent; `built` is false when nothing had changed since the last time. Takes seconds. */
  ensure(runtime: Runtime): Promise<EnsuredImage>;
  /** The same, but looks anew at the machine's programs: `ensure` keeps to what it saw first. */
  refresh(runtime: Runtime): Promise<EnsuredImage>;
  /** The digest of one that was built. @throws HostError `unavailable` when there is none. */
  find(runtime: Runtime): Promise<Digest>;
}
