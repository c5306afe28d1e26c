import { HostError } from '../domain/errors.ts';
import type { Runtime } from '../domain/function.ts';
import type { Digest } from '../domain/ids.ts';
import type { ImageTransfer } from '../domain/image-catalog.ts';
import type { BaseImageBuilder, ImageProvider, PreparedImage } from '../domain/image.ts';
import { imageTransferLimitMs } from '../domain/limits.ts';
import { SingleFlight } from '../lib/single-flight.ts';
import type { BlobStore } from './blob-store.ts';
import type { RemoteImages } from './client/remote-images.ts';
import type { ImageOrigin } from './image-origin.ts';

export interface OriginImagesOptions {
  readonly blobs: BlobStore;
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

  async prepare(digest: Digest, signal: AbortSignal): Promise<PreparedImage> {
    const { blobs, origin, remote, provider } = this.#options;
    // A manifest is stored last: where it is, all of the image is.
    if (!(await blobs.has(digest))) {
      if (!origin) throw noOrigin(digest);
      await this.#flights.run(digest, () => remote.pull(origin.version(digest), transfer()));
    }
    return await provider.prepare(digest, signal);
  }

  /** On the gateway's disk its own; elsewhere as it is at the origin now. */
  async prepareBase(runtime: Runtime, signal: AbortSignal): Promise<PreparedImage> {
    const { bases, origin, provider, remote } = this.#options;
    const found = bases.find(runtime);
    const digest = origin
      ? await found.catch(() => remote.pull(origin.base(runtime), transfer()))
      : await found;
    return await provider.prepare(digest, signal);
  }
}

const transfer = (): ImageTransfer => ({ signal: AbortSignal.timeout(imageTransferLimitMs) });

const noOrigin = (digest: Digest): HostError =>
  new HostError(
    'unavailable',
    'image.no_origin',
    `This node lacks the image ${digest} and knows no place to fetch it from. Set HEARTH_URL and HEARTH_KEY (a key with registry:pull:hearth/*), or HEARTH_REGISTRY.`,
  );
