import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Digest } from '../domain/ids.ts';
import { exec } from '../lib/exec.ts';
import { SingleFlight } from '../lib/single-flight.ts';
import type { BlobStore } from './blob-store.ts';
import { RecentUse } from './gc/recent-use.ts';
import { Trash } from './gc/trash.ts';
import type { Descriptor, Image } from './manifest.ts';
import { hideLower } from './unpack/hide-lower.ts';
import { unpackInJail } from './unpack/unpack-jail.ts';

const leftoverPrefix = 'unpacking-';

/** Layers unpacked on this node, one folder for each diffID, made once and never changed. */
export class LayerStore {
  readonly #dir: string;
  readonly #blobs: BlobStore;
  readonly #recent: RecentUse;
  readonly #flights = new SingleFlight<Digest, string>();

  constructor(dir: string, blobs: BlobStore, recent = new RecentUse()) {
    this.#recent = recent;
    this.#dir = dir;
    this.#blobs = blobs;
  }

  /** Makes the folder. Idempotent. */
  async open(): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o711 });
  }

  /** Removes what an interrupted unpack left. Only while no other process unpacks. */
  async removeLeftovers(): Promise<void> {
    await new Trash(join(dirname(this.#dir), 'trash', 'layers')).recover(this.#dir);
    for (const name of await readdir(this.#dir)) {
      if (name.startsWith(leftoverPrefix)) {
        await rm(join(this.#dir, name), { recursive: true, force: true });
      }
    }
  }

  /** The folders of all of an image's layers, in the order in which overlayfs takes them. */
  async unpackedAll({ manifest, config }: Image, signal?: AbortSignal): Promise<readonly string[]> {
    const unpacked: string[] = [];
    for (const [i, layer] of manifest.layers.entries()) {
      signal?.throwIfAborted();
      const diffId = config.rootfs.diff_ids[i];
      if (diffId) unpacked.push(await this.unpacked(layer, diffId));
    }
    return topmostFirst(unpacked);
  }

  /** The folder of a layer. Who asks while it is being unpacked waits for the same unpack. */
  unpacked(layer: Descriptor, diffId: Digest): Promise<string> {
    const dir = join(this.#dir, diffId.slice('sha256:'.length));
    this.#recent.touch(diffId);
    return this.#flights.run(diffId, async () => {
      if (!(await exists(dir))) await this.#unpack(layer, diffId, dir);
      return dir;
    });
  }

  async #unpack(layer: Descriptor, diffId: Digest, dir: string): Promise<void> {
    const whole = join(this.#dir, `${leftoverPrefix}${randomUUID()}`);
    try {
      await mkdir(whole, { mode: 0o755 });
      const path = this.#blobs.path(layer.digest);
      const marks = await unpackInJail({ path, mediaType: layer.mediaType, diffId }, whole);
      await hideLower(whole, marks);
      // The whole file system at once: one call instead of one for each of thousands of files.
      await exec('sync', ['--file-system', whole], { timeoutMs: 120_000 });
      await rename(whole, dir);
    } catch (error) {
      await rm(whole, { recursive: true, force: true });
      if (!(await exists(dir))) throw error; // another process was first
    }
  }
}

/**
 * Folders of layers, from the lowest up, in the order in which overlayfs takes them. It takes none
 * twice; nor need it, as all of a layer is there where it lies highest.
 */
export function topmostFirst(layers: readonly string[]): readonly string[] {
  return [...new Set(layers.toReversed())];
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
