import type { Digest } from '../domain/ids.ts';
import type { ImageProvider, PreparedImage } from '../domain/image.ts';
import type { BlobStore } from './blob-store.ts';
import type { LayerStore } from './layer-store.ts';
import { notAnImage, readImage } from './manifest.ts';
import { imageUser } from './image-user.ts';
import { lintRoot } from './root-linter.ts';

/** Images unpacked on this node, ready to be run. */
export class ImageStore implements ImageProvider {
  readonly #blobs: BlobStore;
  readonly #layers: LayerStore;

  constructor(blobs: BlobStore, layers: LayerStore) {
    this.#blobs = blobs;
    this.#layers = layers;
  }

  async prepare(digest: Digest, signal: AbortSignal): Promise<PreparedImage> {
    const image = await readImage(this.#blobs, digest);
    const layerDirs = await this.#layers.unpackedAll(image, signal);
    await lintRoot(digest, layerDirs);
    const { Env, Entrypoint, Cmd, User, WorkingDir, Labels } = image.config.config ?? {};
    return {
      digest,
      layerDirs,
      env: texts(Env),
      entrypoint: texts(Entrypoint),
      cmd: texts(Cmd),
      user: await imageUser(text(User), layerDirs),
      workingDir: checkedWorkingDir(digest, text(WorkingDir) || '/'),
      labels: Labels ?? {},
    };
  }
}

/** Builders write null for a list that is empty, and hostile ones what they like. */
function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** A working directory under /proc has led OCI runtimes out of the container (CVE-2024-21626). */
function checkedWorkingDir(digest: Digest, dir: string): string {
  const isPlain = /^\/[^\0]*$/.test(dir) && !dir.split('/').includes('..');
  if (isPlain && !/^\/+proc(\/|$)/.test(dir)) return dir;
  throw notAnImage(digest, `its working directory "${dir}" is not allowed`);
}
