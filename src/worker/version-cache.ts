import { HostError } from '../domain/errors.ts';
import type { FunctionSpec } from '../domain/function.ts';
import type { Digest } from '../domain/ids.ts';
import type { ImageProvider } from '../domain/image.ts';
import type { PreparedVersion } from '../domain/version.ts';
import { SingleFlight } from '../lib/single-flight.ts';

/** Where a version's settings are recorded in its image. */
const specLabel = 'dev.hearth.function';

/** Versions remembered; the least recently used goes first. */
const capacity = 10_000;

/** Versions prepared on this node. They are immutable, so what is remembered stays true. */
export class VersionCache {
  readonly #images: ImageProvider;
  readonly #versions = new Map<Digest, PreparedVersion>();
  readonly #flights = new SingleFlight<Digest, PreparedVersion>();

  constructor(images: ImageProvider) {
    this.#images = images;
  }

  /** The version if it needs no waiting. */
  peek(digest: Digest): PreparedVersion | undefined {
    const version = this.#versions.get(digest);
    if (version) {
      this.#versions.delete(digest);
      this.#versions.set(digest, version);
    }
    return version;
  }

  /** After layers were removed from the disk, some of them maybe those of a remembered version. */
  forget(): void {
    this.#versions.clear();
  }

  /** Callers of one version share one preparation; it is not stopped when one of them leaves. */
  prepare(digest: Digest): Promise<PreparedVersion> {
    return this.#flights.run(digest, async () => {
      const image = await this.#images.prepare(digest, AbortSignal.timeout(prepareLimitMs));
      const version = { digest, image, spec: specOf(digest, image.labels[specLabel]) };
      this.#versions.set(digest, version);
      const [oldest] = this.#versions.keys();
      if (this.#versions.size > capacity && oldest) this.#versions.delete(oldest);
      return version;
    });
  }
}

/** An unpack of the largest image on a slow disk; past it something is broken. */
const prepareLimitMs = 10 * 60_000;

function specOf(digest: Digest, label: string | undefined): FunctionSpec {
  if (label === undefined) {
    throw new HostError(
      'invalid',
      'image.not_a_function',
      `The image ${digest} was not made by a deploy: it has no label ${specLabel}.`,
    );
  }
  return JSON.parse(label) as FunctionSpec; // ours: the digest vouches for it
}
