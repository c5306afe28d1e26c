import { readdir, stat, statfs } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { HostError } from '../../domain/errors.ts';
import type { Digest } from '../../domain/ids.ts';
import type { GarbageReport, ImageGarbage } from '../../domain/image-garbage.ts';
import { ifThere } from '../../lib/durable-file.ts';
import { KeyedMutex } from '../../lib/keyed-mutex.ts';
import type { BlobStore } from '../blob-store.ts';
import type { ImageIndex } from '../image-index.ts';
import { parseManifest, manifestLimitBytes } from '../manifest-content.ts';
import type { PublishedSource } from '../registry/published.ts';
import { isReserved } from '../registry/published.ts';
import type { RepositoryStore } from '../registry/repository-store.ts';
import type { UploadStore } from '../registry/upload-store.ts';
import type { RecentUse } from './recent-use.ts';
import {
  garbageRules,
  isDiskFull,
  planGarbage,
  type GarbageState,
  type ImageParts,
  type Stored,
} from './garbage-policy.ts';
import { mountedLayers } from './mounted-layers.ts';
import { Trash } from './trash.ts';

export interface GarbageCollectorOptions {
  readonly dir: string;
  readonly blobs: BlobStore;
  readonly index: ImageIndex;
  readonly published: PublishedSource;
  readonly repositories: RepositoryStore;
  readonly uploads: UploadStore;
  readonly recent: RecentUse;
  readonly now?: () => number;
}

/**
 * Mark and sweep over the folder of images. Names go first, then what they named: at whatever step
 * it is interrupted, everything that has a name is whole.
 */
export class GarbageCollector implements ImageGarbage {
  readonly #options: GarbageCollectorOptions;
  readonly #mutex = new KeyedMutex<'collection'>();
  readonly #layersDir: string;
  readonly #blobsDir: string;

  constructor(options: GarbageCollectorOptions) {
    this.#options = options;
    this.#layersDir = join(options.dir, 'layers');
    this.#blobsDir = join(options.dir, 'blobs', 'sha256');
  }

  collect({ dryRun }: { readonly dryRun: boolean }): Promise<GarbageReport> {
    return this.#mutex.run('collection', async () => {
      const plan = planGarbage(await this.#state());
      if (!dryRun) await this.#sweep(plan);
      return plan;
    });
  }

  async isShortOfSpace(): Promise<boolean> {
    return isDiskFull(await this.#disk());
  }

  async #sweep({ names, layers, blobs }: GarbageReport): Promise<void> {
    const { index, dir, repositories, uploads } = this.#options;
    for (const name of names) await index.remove(name);
    const layerTrash = new Trash(join(dir, 'trash', 'layers'));
    for (const diffId of layers) {
      const isMounted = async () => (await mountedLayers(this.#layersDir)).has(diffId);
      await layerTrash.discard(
        join(this.#layersDir, hexOf(diffId)),
        async () => this.#isNew(diffId) || (await isMounted()),
      );
    }
    const blobTrash = new Trash(join(dir, 'trash', 'blobs'));
    for (const digest of blobs) {
      await blobTrash.discard(join(this.#blobsDir, hexOf(digest)), async (away) => {
        const { mtimeMs } = await stat(away); // who adopts a blob changes its time
        return this.#isNew(digest) || this.#now() - mtimeMs <= garbageRules.graceMs;
      });
    }
    for (const repository of await repositories.pushed()) await uploads.removeExpired(repository);
  }

  async #state(): Promise<GarbageState> {
    const { index, published, repositories, blobs } = this.#options;
    const [names, hosts, mounted, disk] = await Promise.all([
      index.list(),
      published(),
      mountedLayers(this.#layersDir),
      this.#disk(),
    ]);
    const runnable = [...hosts.values()].flatMap(({ digests }) => digests);
    const kept: ImageParts[] = [];
    for (const repository of await repositories.pushed()) {
      const folder = repositories.folder(repository);
      for (const digest of await folder.manifests()) kept.push(await this.#parts(digest));
      // Blobs are pushed before the manifest that names them.
      kept.push({ blobs: await folder.blobs(), diffIds: [] });
    }
    const cached: GarbageState['cached'][number][] = [];
    for (const [name, { digest }] of names) {
      if (isReserved(name)) continue;
      const used = await ifThere(stat(blobs.path(digest)));
      cached.push({ name, usedMs: used?.mtimeMs ?? 0, parts: await this.#parts(digest) });
    }
    return {
      nowMs: this.#now(),
      blobs: await this.#stored(this.#blobsDir, ({ mtimeMs, size }) => [mtimeMs, size]),
      layers: await this.#stored(this.#layersDir, ({ ctimeMs }) => [ctimeMs, 0]),
      runnable: await Promise.all([...new Set(runnable)].map((digest) => this.#parts(digest))),
      kept,
      cached,
      mounted,
      disk,
    };
  }

  async #disk(): Promise<GarbageState['disk']> {
    const { blocks, bavail, bsize } = await statfs(this.#options.dir);
    return { totalBytes: blocks * bsize, freeBytes: bavail * bsize };
  }

  async #stored(
    dir: string,
    read: (stats: { mtimeMs: number; ctimeMs: number; size: number }) => readonly [number, number],
  ): Promise<readonly Stored[]> {
    const stored: Stored[] = [];
    for (const name of await readdir(dir)) {
      const stats = /^[0-9a-f]{64}$/.test(name) && (await ifThere(stat(join(dir, name))));
      if (!stats) continue;
      const digest: Digest = `sha256:${basename(name)}`;
      const [changedMs, sizeBytes] = read(stats);
      stored.push({
        digest,
        sizeBytes,
        usedMs: Math.max(changedMs, this.#options.recent.of(digest)),
      });
    }
    return stored;
  }

  /**
   * What an image consists of; of one that is not whole, what is left. A manifest that cannot be read
   * though it is there stops the collection: who does not know what is needed removes nothing.
   */
  async #parts(digest: Digest): Promise<ImageParts> {
    const { blobs } = this.#options;
    if (!(await blobs.has(digest))) return { blobs: [], diffIds: [] };
    const manifest = parseManifest(await blobs.readSmall(digest, manifestLimitBytes));
    const children = await Promise.all(manifest.children.map((child) => this.#parts(child.digest)));
    const [config, ...layers] = manifest.blobs.map((blob) => blob.digest);
    const own = config ? [digest, config, ...layers] : [digest];
    return {
      blobs: [...own, ...children.flatMap((child) => child.blobs)],
      diffIds: [...(await this.#diffIds(config)), ...children.flatMap((child) => child.diffIds)],
    };
  }

  async #diffIds(config: Digest | undefined): Promise<readonly Digest[]> {
    if (config === undefined) return [];
    try {
      const text = await this.#options.blobs.readSmall(config, manifestLimitBytes);
      const { rootfs } = JSON.parse(text.toString()) as { rootfs?: { diff_ids?: Digest[] } };
      return rootfs?.diff_ids ?? [];
    } catch (error) {
      // Artifacts that are no images have any configuration, or one that is missing.
      if (error instanceof SyntaxError) return [];
      if (error instanceof HostError && error.code === 'not_found') return [];
      throw error;
    }
  }

  #isNew(digest: Digest): boolean {
    return this.#now() - this.#options.recent.of(digest) <= garbageRules.graceMs;
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }
}

const hexOf = (digest: Digest): string => digest.slice('sha256:'.length);
