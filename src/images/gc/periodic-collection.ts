import type { ImageGarbage } from '../../domain/image-garbage.ts';
import type { Logger } from '../../domain/logger.ts';
import type { Service } from '../../domain/service.ts';
import { Repeating } from '../../lib/repeating.ts';

const everyMs = 60 * 60_000;

/** Collects garbage every hour; what goes wrong is logged, and tried again an hour later. */
export class PeriodicCollection implements Service {
  readonly name = 'image garbage collection';
  readonly #repeating: Repeating;

  constructor(garbage: ImageGarbage, logger: Logger) {
    this.#repeating = new Repeating(everyMs, async () => {
      try {
        const { names, blobs, layers, freedBytes } = await garbage.collect({ dryRun: false });
        const counts = { names: names.length, blobs: blobs.length, layers: layers.length };
        logger.info({ ...counts, freedBytes }, 'Garbage of images was collected.');
      } catch (error) {
        logger.warn({ error }, 'Garbage of images could not be collected.');
      }
    });
  }

  async start(): Promise<void> {
    this.#repeating.start();
  }

  stop(): Promise<void> {
    return this.#repeating.stop();
  }
}
