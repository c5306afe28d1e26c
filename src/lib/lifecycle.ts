import type { Service } from '../domain/service.ts';

/**
 * Starts services in order and stops them in reverse. A start that fails stops what had started.
 * Every stop is tried; all their errors come together.
 */
export class ServiceGroup implements Service {
  readonly name: string;
  readonly #services: readonly Service[];
  readonly #started: Service[] = [];
  #stopping: Promise<void> | undefined;

  constructor(name: string, services: readonly Service[]) {
    this.name = name;
    this.#services = services;
  }

  async start(signal: AbortSignal): Promise<void> {
    try {
      for (const service of this.#services) {
        signal.throwIfAborted();
        this.#started.push(service);
        await service.start(signal);
      }
    } catch (error) {
      await this.stop(AbortSignal.abort());
      throw error;
    }
  }

  stop(grace: AbortSignal): Promise<void> {
    this.#stopping ??= this.#stopAll(grace);
    return this.#stopping;
  }

  async #stopAll(grace: AbortSignal): Promise<void> {
    const errors: unknown[] = [];
    for (const service of this.#started.toReversed()) {
      try {
        await service.stop(grace);
      } catch (error) {
        errors.push(new Error(`${service.name} did not stop cleanly`, { cause: error }));
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, `${this.name} did not stop cleanly`);
  }
}
