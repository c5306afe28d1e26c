import type { Digest, NodeId } from './ids.ts';

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
  /** Whether the disk is so full that pulled images have to go, the least recently used first. */
  isShortOfSpace(): Promise<boolean>;
}

/** The garbage of worker nodes that have disks of their own. */
export interface NodesGarbage {
  /** As ImageGarbage.collect, on each live node. @throws HostError `unavailable`. */
  collect(options: { readonly dryRun: boolean }): Promise<NodesGarbageReport>;
}

export interface NodesGarbageReport {
  /** Of those that had any. */
  readonly nodes: readonly (GarbageReport & { readonly node: NodeId; readonly hostname: string })[];
  /** Those that did not answer, or could not collect. */
  readonly silentNodes: readonly NodeId[];
}
