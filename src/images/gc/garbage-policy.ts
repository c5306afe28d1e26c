import type { Digest } from '../../domain/ids.ts';
import type { GarbageReport } from '../../domain/image-garbage.ts';

/** Something on the disk, and when somebody last said that they need it. */
export interface Stored {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly usedMs: number;
}

/** What an image consists of. */
export interface ImageParts {
  /** The manifest itself, its configuration and its layers as they are stored. */
  readonly blobs: readonly Digest[];
  /** Its layers unpacked. */
  readonly diffIds: readonly Digest[];
}

export interface GarbageState {
  readonly nowMs: number;
  readonly blobs: readonly Stored[];
  readonly layers: readonly Stored[];
  /** What can be started at any time: versions and base images. */
  readonly runnable: readonly ImageParts[];
  /** What is kept for somebody, but not run as it is: pushed images. */
  readonly kept: readonly ImageParts[];
  /** Pulled images, which can be pulled again. */
  readonly cached: readonly {
    readonly name: string;
    readonly usedMs: number;
    readonly parts: ImageParts;
  }[];
  /** Unpacked layers that are mounted somewhere. */
  readonly mounted: ReadonlySet<Digest>;
  readonly disk: { readonly totalBytes: number; readonly freeBytes: number };
}

export interface GarbageRules {
  /** Younger things stay: what they are for may be on its way. */
  readonly graceMs: number;
  /** Pulled images that nobody used for so long go. */
  readonly cacheMs: number;
  /** From this share of the disk on, pulled images go, the least recently used first … */
  readonly highWater: number;
  /** … until no more than this is used. */
  readonly lowWater: number;
}

// POLICY: a month, as for other caches of builds; the disk's last fifth is for what has no cache.
export const garbageRules: GarbageRules = {
  graceMs: 60 * 60_000,
  cacheMs: 30 * 24 * 60 * 60_000,
  highWater: 0.85,
  lowWater: 0.8,
};

export function isDiskFull(
  { totalBytes, freeBytes }: GarbageState['disk'],
  { highWater } = garbageRules,
): boolean {
  return totalBytes - freeBytes > totalBytes * highWater;
}

/**
 * What can go. INVARIANT: nothing that a runnable or kept image, a mount or anything younger than
 * the grace needs.
 */
export function planGarbage(state: GarbageState, rules = garbageRules): GarbageReport {
  const oldestFirst = state.cached.toSorted((a, b) => a.usedMs - b.usedMs);
  const isOld = ({ usedMs }: { readonly usedMs: number }) => state.nowMs - usedMs > rules.cacheMs;
  let forgotten = oldestFirst.filter(isOld).length;
  const { totalBytes, freeBytes } = state.disk;
  const used = totalBytes - freeBytes;
  const enoughBytes = isDiskFull(state.disk, rules) ? used - totalBytes * rules.lowWater : 0;
  let plan = unneeded(state, oldestFirst.slice(forgotten), rules);
  while (plan.freedBytes < enoughBytes && forgotten < oldestFirst.length) {
    forgotten += 1;
    plan = unneeded(state, oldestFirst.slice(forgotten), rules);
  }
  return { names: oldestFirst.slice(0, forgotten).map(({ name }) => name), ...plan };
}

function unneeded(
  { nowMs, blobs, layers, runnable, kept, mounted }: GarbageState,
  cached: GarbageState['cached'],
  { graceMs }: GarbageRules,
): Omit<GarbageReport, 'names'> {
  const images = [...runnable, ...kept, ...cached.map(({ parts }) => parts)];
  const neededBlobs = new Set(images.flatMap((image) => image.blobs));
  const neededLayers = new Set([...runnable.flatMap(({ diffIds }) => diffIds), ...mounted]);
  const goes = (needed: ReadonlySet<Digest>) => (stored: Stored) =>
    !needed.has(stored.digest) && nowMs - stored.usedMs > graceMs;
  const goneBlobs = blobs.filter(goes(neededBlobs));
  const goneLayers = layers.filter(goes(neededLayers));
  return {
    blobs: goneBlobs.map(({ digest }) => digest),
    layers: goneLayers.map(({ digest }) => digest),
    freedBytes: [...goneBlobs, ...goneLayers].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  };
}
