import type { ContainerMount } from '../domain/container.ts';
import type { PreparedImage } from '../domain/image.ts';
import type { Logger } from '../domain/logger.ts';
import type { Service } from '../domain/service.ts';
import { Backoff } from '../lib/backoff.ts';
import type { ContainerMaker } from './container-maker.ts';
import type { ContainerSandbox } from './container-sandbox.ts';

export interface StemPoolOptions {
  readonly maker: Pick<ContainerMaker, 'make'>;
  /** The runtime's base image: what every version for it has below its package. */
  readonly loadImage: (signal: AbortSignal) => Promise<PreparedImage>;
  readonly mounts: readonly ContainerMount[];
  readonly memoryBytes: number;
  /** Stems kept ready. */
  readonly size: number;
  readonly logger: Logger;
}

/**
 * Sandboxes of one runtime that have booted and wait for a function: its code, limits, environment
 * and handler are given to them when they are taken. Each is taken once. Taken ones are replaced
 * one at a time, so that making stems never crowds out running functions.
 */
export class StemPool implements Service {
  readonly name = 'stem pool';
  readonly #options: StemPoolOptions;
  readonly #ready: ContainerSandbox[] = [];
  readonly #stopped = new AbortController();
  readonly #backoff = new Backoff({ firstMs: 100, lastMs: 10_000 });
  #image: PreparedImage | undefined;
  #filling: Promise<void> | undefined;

  constructor(options: StemPoolOptions) {
    this.#options = options;
  }

  /** Does not wait for the stems: until they are there, functions start from nothing. */
  async start(): Promise<void> {
    this.#fill();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#filling;
    await Promise.all(this.#ready.splice(0).map((stem) => stem.destroy('shutdown')));
  }

  /** A stem on which this image can run, if one is ready; the caller owns it from then on. */
  take(image: PreparedImage): ContainerSandbox | undefined {
    if (!this.#image || !isPackageOn(this.#image, image)) return undefined;
    const stem = this.#ready.find(({ destroyed }) => !destroyed);
    if (stem) this.#drop(stem);
    this.#fill();
    return stem;
  }

  #drop(stem: ContainerSandbox): void {
    const index = this.#ready.indexOf(stem);
    if (index >= 0) this.#ready.splice(index, 1);
  }

  #fill(): void {
    this.#filling ??= this.#fillUp().finally(() => {
      this.#filling = undefined;
    });
  }

  async #fillUp(): Promise<void> {
    const { size, logger } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted && this.#ready.length < size) {
      try {
        const stem = await this.#make(signal);
        this.#ready.push(stem);
        void stem.gone.then(() => this.#drop(stem));
        this.#backoff.reset();
      } catch (error) {
        if (signal.aborted) return;
        logger.warn({ error }, 'A stem could not be made; functions start from nothing.');
        await this.#backoff.wait(signal);
      }
    }
  }

  async #make(signal: AbortSignal): Promise<ContainerSandbox> {
    const { maker, mounts, memoryBytes, loadImage } = this.#options;
    this.#image ??= await loadImage(signal);
    const image = this.#image;
    const stem = await maker.make(
      { image, memoryBytes, cpu: 1, mounts, volumes: [], hasTaskFolder: true },
      signal,
    );
    const failure = await stem.boot(signal);
    if (failure) throw new Error(`a stem did not boot: ${failure.kind}`);
    return stem;
  }
}

/** Is it the base with nothing but one layer, the package, on top? */
function isPackageOn(base: PreparedImage, image: PreparedImage): boolean {
  const [, ...below] = image.layerDirs;
  return (
    sameList(below, base.layerDirs) &&
    sameList(image.env, base.env) &&
    sameList(image.entrypoint, base.entrypoint) &&
    image.workingDir === base.workingDir
  );
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}
