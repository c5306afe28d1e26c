import type { Digest } from './ids.ts';
import type { ImageReference } from './image-reference.ts';

/** How far one blob of a transfer is. */
export interface ImageProgress {
  readonly digest: Digest;
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface ImageTransfer {
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: ImageProgress) => void;
}

/** A pull that is done. */
export interface ImagePull {
  /** Where it came from, such as `docker.io/library/alpine:3`. */
  readonly reference: string;
  readonly digest: Digest;
  /** Blobs that were fetched for it, and those that were here, or on their way here, already. */
  readonly fetched: { readonly count: number; readonly bytes: number };
  readonly kept: { readonly count: number; readonly bytes: number };
  readonly durationMs: number;
}

/** An image of this host that has a name. */
export interface NamedImage {
  readonly name: string;
  readonly digest: Digest;
  /** Of its configuration and layers, compressed as they are stored. */
  readonly sizeBytes: number;
  readonly layers: number;
}

/**
 * The images of this host by name: base images, deployed versions, what was pushed here, and what
 * was pulled from registries.
 */
export interface ImageCatalog {
  /** Sorted by name. */
  list(): Promise<readonly NamedImage[]>;
  /** @throws HostError `not_found`. */
  find(reference: ImageReference): Promise<NamedImage>;
  /**
   * Stores what a registry has under the name now, whole and verified: the image for this machine's
   * platform. Its manifest's digest is the result; layers that are here already are not fetched.
   * A name without a registry only says what is here. Idempotent; goes on where it was cut.
   * @throws HostError `not_found`, `forbidden`, `unavailable`, `invalid`, or the signal's reason.
   */
  pull(reference: ImageReference, transfer: ImageTransfer): Promise<Digest>;
  /** Copies an image of this host to a registry under the target's name. Idempotent. */
  push(source: ImageReference, target: ImageReference, transfer: ImageTransfer): Promise<Digest>;
  /**
   * Forgets the name of an image that was pulled or pushed here; garbage collection does the rest.
   * False when there is none. @throws HostError `forbidden` for base images and versions.
   */
  remove(reference: ImageReference): Promise<boolean>;
}
