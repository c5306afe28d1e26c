import { HostError } from '../domain/errors.ts';
import type { Runtime } from '../domain/function.ts';
import type { Digest } from '../domain/ids.ts';
import type { ImageTransfer } from '../domain/image-catalog.ts';
import type { BaseImageBuilder, ImageProvider, PreparedImage } from '../domain/image.ts';
import { imageTransferLimitMs } from '../domain/limits.ts';
import { SingleFlight } from '../lib/single-flight.ts';
import type { BlobStore } from './blob-store.ts';
import type { RemoteImages } from './client/remote-images.ts';
import type { ImageIndex } from './image-index.ts';
import type { ImageOrigin } from './image-origin.ts';
import { pulledBase } from './pulled-base.ts';
import { manifestLimitBytes, parseManifest } from './manifest-content.ts';

export interface OriginImagesOptions {
  readonly blobs: BlobStore;
  readonly index: ImageIndex;
  readonly remote: RemoteImages;
  readonly provider: ImageProvider;
  readonly bases: Pick<BaseImageBuilder, 'find'>;
  readonly origin: ImageOrigin | undefined;
}

/** What a node that may have a disk of its own runs: what is not here comes from the origin. */
export class OriginImages implements ImageProvider {
  readonly #options: OriginImagesOptions;
  readonly #flights = new SingleFlight<Digest, Digest>();

  constructor(options: OriginImagesOptions) {
    this.#options = options;
  }

  /** Whether nothing of it has to be pulled: an interrupted garbage collection may have left a part. */
  async has(digest: Digest): Promise<boolean> {
    const { blobs } = this.#options;
    if (!(await blobs.has(digest))) return false;
    const manifest = parseManifest(await blobs.readSmall(digest, manifestLimitBytes));
    const there = await Promise.all(manifest.blobs.map((blob) => blobs.has(blob.digest)));
    return there.every(Boolean);
  }

  async prepare(digest: Digest, signal: AbortSignal): Promise<PreparedImage> {
    const { origin, remote, provider } = this.#options;
    if (!(await this.has(digest))) {
      if (!origin) throw noOrigin(digest);
      await this.#flights.run(digest, () => remote.pull(origin.version(digest), transfer()));
    }
    return await provider.prepare(digest, signal);
  }

  /** On the gateway's disk its own; elsewhere as it is at the origin now, or was last. */
  async prepareBase(runtime: Runtime, signal: AbortSignal): Promise<PreparedImage> {
    const { bases, origin, provider } = this.#options;
    const found = bases.find(runtime);
    const digest = origin
      ? await found.catch(() => this.#pulledBase(runtime, origin))
      : await found;
    return await provider.prepare(digest, signal);
  }

  #pulledBase(runtime: Runtime, origin: ImageOrigin): Promise<Digest> {
    const pull = () => this.#options.remote.pull(origin.base(runtime), transfer());
    return pulledBase(this.#options, runtime, pull);
  }
}

const transfer = (): ImageTransfer => ({ signal: AbortSignal.timeout(imageTransferLimitMs) });

const noOrigin = (digest: Digest): HostError =>
  new HostError(
    'unavailable',
    'image.no_origin',
    `This node lacks the image ${digest} and knows no place to fetch it from. Set HEARTH_URL and HEARTH_KEY (a key with registry:pull:hearth/*), or HEARTH_REGISTRY.`,
  );
