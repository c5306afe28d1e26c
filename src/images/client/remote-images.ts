import { openAsBlob } from 'node:fs';
import { HostError } from '../../domain/errors.ts';
import type { Digest } from '../../domain/ids.ts';
import type { ImageProgress, ImagePull, ImageTransfer } from '../../domain/image-catalog.ts';
import { formatImageReference } from '../../domain/image-reference.ts';
import { mapLimited } from '../../lib/map-limited.ts';
import { SingleFlight } from '../../lib/single-flight.ts';
import { blobLimitBytes, digestOf, type BlobStore } from '../blob-store.ts';
import {
  manifestLimitBytes,
  manifestTypes,
  parseManifest,
  type IndexChild,
  type ManifestContent,
} from '../manifest-content.ts';
import type { RecentUse } from '../gc/recent-use.ts';
import { architecture, isForThisMachine } from '../platform.ts';
import { downloadBlob, type OpenBlob, type WantedBlob } from './blob-download.ts';
import type { RegistryClient } from './registry-client.ts';
import {
  expectStatus,
  mirrored,
  readWhole,
  where,
  type Mirrors,
  type RemoteReference,
} from './remote-reference.ts';

/** Layers of one image on their way at once. */
const parallelLayers = 4;

/**
 * Throws for an image that may not be used, before any of it is fetched. `at`: the registry or the
 * mirror that has it; `digest`: what the reference names there.
 */
export type Admission = (digest: Digest, at: RemoteReference) => Promise<void>;

export interface RemoteImagesOptions {
  readonly blobs: BlobStore;
  readonly client: RegistryClient;
  readonly recent: RecentUse;
  readonly mirrors: Mirrors;
  /** All of an image is here. */
  readonly onPulled: (pull: ImagePull) => void;
}

/** Images between the content store and registries. */
export class RemoteImages {
  readonly #blobs: BlobStore;
  readonly #client: RegistryClient;
  readonly #recent: RecentUse;
  readonly #mirrors: Mirrors;
  readonly #onPulled: RemoteImagesOptions['onPulled'];
  readonly #downloads = new SingleFlight<Digest, void>();

  constructor({ blobs, client, recent, mirrors, onPulled }: RemoteImagesOptions) {
    this.#blobs = blobs;
    this.#client = client;
    this.#recent = recent;
    this.#mirrors = mirrors;
    this.#onPulled = onPulled;
  }

  /** See ImageCatalog.pull. What no mirror gives whole, and as admitted, the registry itself decides. */
  async pull(
    reference: RemoteReference,
    options: ImageTransfer,
    admit: Admission = async () => {},
  ): Promise<Digest> {
    for (const mirror of mirrored(reference, this.#mirrors)) {
      try {
        return await this.#pullFrom(mirror, options, admit);
      } catch {
        options.signal.throwIfAborted();
      }
    }
    return await this.#pullFrom(reference, options, admit);
  }

  async #pullFrom(
    reference: RemoteReference,
    options: ImageTransfer,
    admit: Admission,
  ): Promise<Digest> {
    const { signal } = options;
    const started = performance.now();
    const wanted = reference.digest ?? reference.tag ?? 'latest';
    let { digest, content, manifest } = await this.#manifest(reference, wanted, signal);
    await admit(digest, reference);
    if (manifest.children.length > 0) {
      const child = this.#choose(reference, manifest.children);
      ({ digest, content, manifest } = await this.#manifest(reference, child.digest, signal));
    }
    if (manifest.blobs.length === 0) throw noImage(reference);
    const needed = manifest.blobs.map((blob) => blob.digest);
    const fetched = { count: 0, bytes: 0 };
    const kept = { count: 0, bytes: 0 };
    await mapLimited(manifest.blobs, parallelLayers, async ({ digest: of, size: sizeBytes }) => {
      const wasFetched = await this.#fetchBlob(
        reference,
        { digest: of, sizeBytes },
        needed,
        options,
      );
      const tally = wasFetched ? fetched : kept;
      tally.count += 1;
      tally.bytes += sizeBytes;
    });
    await this.#blobs.put(content);
    const durationMs = performance.now() - started;
    const name = formatImageReference(reference);
    this.#onPulled({ reference: name, digest, fetched, kept, durationMs });
    return digest;
  }

  /** See ImageCatalog.push. The manifest goes last: who sees it can have all of it. */
  async push(digest: Digest, reference: RemoteReference, options: ImageTransfer): Promise<void> {
    const content = await this.#blobs.readSmall(digest, manifestLimitBytes);
    const manifest = parseManifest(content);
    await mapLimited(manifest.blobs, parallelLayers, (blob) =>
      this.#sendBlob(reference, { digest: blob.digest, sizeBytes: blob.size }, options),
    );
    const response = await this.#client.send(
      {
        ...where(reference, 'push'),
        method: 'PUT',
        path: `manifests/${reference.tag ?? digest}`,
        headers: { 'content-type': manifest.mediaType },
        body: content.toString(),
      },
      options.signal,
    );
    await expectStatus(response, 201, reference);
  }

  async #manifest(
    reference: RemoteReference,
    wanted: string,
    signal: AbortSignal,
  ): Promise<{ digest: Digest; content: Buffer; manifest: ManifestContent }> {
    const response = await this.#client.send(
      {
        ...where(reference, 'pull'),
        path: `manifests/${wanted}`,
        headers: { accept: manifestTypes.join(', ') },
      },
      signal,
    );
    await expectStatus(response, 200, reference);
    const content = await readWhole(response, manifestLimitBytes);
    const digest = digestOf(content);
    if (wanted.includes(':') && digest !== wanted) {
      throw new HostError(
        'invalid',
        'image.wrong_manifest',
        `${reference.registry} sent another manifest than ${wanted}.`,
      );
    }
    const type = response.headers.get('content-type')?.split(';', 1)[0];
    const announced = type && manifestTypes.includes(type) ? type : undefined;
    return { digest, content, manifest: parseManifest(content, announced) };
  }

  #choose(reference: RemoteReference, children: readonly IndexChild[]): IndexChild {
    const found = children.find(isForThisMachine);
    if (found) return found;
    throw new HostError(
      'invalid',
      'image.no_platform',
      `${formatImageReference(reference)} has no image for linux/${architecture}.`,
    );
  }

  /**
   * Two who want one blob share its download; when who began it gives up, the other goes on. Gives
   * whether it was fetched for this one.
   */
  async #fetchBlob(
    reference: RemoteReference,
    blob: WantedBlob,
    needed: readonly Digest[],
    { signal, onProgress = () => {} }: ImageTransfer,
  ): Promise<boolean> {
    const progress = (doneBytes: number) => {
      for (const digest of needed) this.#recent.touch(digest); // a slow pull keeps what it has
      onProgress(progressOf(blob, doneBytes));
    };
    if (blob.sizeBytes > blobLimitBytes) throw tooLarge(blob);
    if (await this.#blobs.adopt(blob.digest)) {
      progress(blob.sizeBytes);
      return false;
    }
    const open: OpenBlob = (offset) => this.#openBlob(reference, blob, offset, signal);
    let isOurs = false;
    try {
      await this.#downloads.run(blob.digest, () => {
        isOurs = true;
        return downloadBlob(this.#blobs, blob, open, signal, progress);
      });
    } catch (error) {
      signal.throwIfAborted();
      if (isOurs) throw error;
      return await this.#fetchBlob(reference, blob, needed, { signal, onProgress });
    }
    progress(blob.sizeBytes);
    return isOurs;
  }

  async #openBlob(
    reference: RemoteReference,
    { digest }: WantedBlob,
    offset: number,
    signal: AbortSignal,
  ): Promise<{ start: number; content: AsyncIterable<Uint8Array> }> {
    const headers = offset > 0 ? { range: `bytes=${offset}-` } : {};
    const path = `blobs/${digest}`;
    const response = await this.#client.send(
      { ...where(reference, 'pull'), path, headers },
      signal,
    );
    if (response.status !== 206) await expectStatus(response, 200, reference);
    if (!response.body) throw new Error('the answer has no body');
    return { start: response.status === 206 ? offset : 0, content: response.body };
  }

  async #sendBlob(
    reference: RemoteReference,
    blob: WantedBlob,
    { signal, onProgress = () => {} }: ImageTransfer,
  ): Promise<void> {
    const { digest, sizeBytes } = blob;
    const target = where(reference, 'push');
    const head = await this.#client.send(
      { ...target, method: 'HEAD', path: `blobs/${digest}` },
      signal,
    );
    if (head.status !== 200) {
      const begun = await this.#client.send(
        { ...target, method: 'POST', path: 'blobs/uploads/' },
        signal,
      );
      await expectStatus(begun, 202, reference);
      const url = new URL(begun.headers.get('location') ?? '', begun.url);
      url.searchParams.set('digest', digest);
      const body = await openAsBlob(this.#blobs.path(digest));
      const headers = { 'content-type': 'application/octet-stream' };
      const sent = await this.#client.send(
        { ...target, method: 'PUT', path: url.href, headers, body },
        signal,
      );
      await expectStatus(sent, 201, reference);
    }
    onProgress(progressOf(blob, sizeBytes));
  }
}

const progressOf = ({ digest, sizeBytes }: WantedBlob, doneBytes: number): ImageProgress => ({
  digest,
  doneBytes,
  totalBytes: sizeBytes,
});

const noImage = (reference: RemoteReference): HostError =>
  new HostError(
    'invalid',
    'image.unusable',
    `${formatImageReference(reference)} is not an image that can be run.`,
  );

const tooLarge = ({ digest, sizeBytes }: WantedBlob): HostError =>
  new HostError(
    'too_large',
    'image.too_large',
    `The layer ${digest} has ${sizeBytes} bytes; at most ${blobLimitBytes} are taken.`,
  );
