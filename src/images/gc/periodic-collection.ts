import type { ImageGarbage } from '../../domain/image-garbage.ts';
import type { Logger } from '../../domain/logger.ts';
import type { Service } from '../../domain/service.ts';
import { Repeating } from '../../lib/repeating.ts';

const lookEveryMs = 10 * 60_000;

/** A whole look at what is needed reads every manifest: once an hour, unless the disk is full. */
const looksPerCollection = 6;

/** Collects garbage every hour, and sooner while the disk is full; what goes wrong is logged and tried again. */
export class PeriodicCollection implements Service {
  readonly name = 'image garbage collection';
  readonly #garbage: ImageGarbage;
  readonly #logger: Logger;
  readonly #repeating: Repeating;
  #looks = 0;

  constructor(garbage: ImageGarbage, logger: Logger, everyMs = lookEveryMs) {
    this.#garbage = garbage;
    this.#logger = logger;
    this.#repeating = new Repeating(everyMs, () => this.#look());
  }

  async start(): Promise<void> {
    this.#repeating.start();
  }

  stop(): Promise<void> {
    return this.#repeating.stop();
  }

  async #look(): Promise<void> {
    this.#looks += 1;
    try {
      const isDue = this.#looks % looksPerCollection === 0;
      if (!isDue && !(await this.#garbage.isShortOfSpace())) return;
      const { names, blobs, layers, freedBytes } = await this.#garbage.collect({ dryRun: false });
      const counts = { names: names.length, blobs: blobs.length, layers: layers.length };
      this.#logger.info({ ...counts, freedBytes }, 'Garbage of images was collected.');
    } catch (error) {
      this.#logger.warn({ error }, 'Garbage of images could not be collected.');
    }
  }
}
