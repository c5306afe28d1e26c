import type { Digest } from './ids.ts';

/** What a collection removes, or would. */
export interface GarbageReport {
  /** Names of pulled images that nobody has used for long. */
  readonly names: readonly string[];
  readonly blobs: readonly Digest[];
  /** Unpacked layers, by diffID. */
  readonly layers: readonly Digest[];
  readonly freedBytes: number;
}

export interface ImageGarbage {
  /**
   * Removes what nothing needs: never what a version, a base image, a pushed image, a running
   * sandbox or a pull in flight needs, and nothing that is new. One at a time; safe to interrupt at
   * any step. `dryRun`: only tells.
   */
  collect(options: { readonly dryRun: boolean }): Promise<GarbageReport>;
}
