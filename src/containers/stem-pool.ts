import type { ContainerMount } from '../domain/container.ts';
import type { PreparedImage } from '../domain/image.ts';
import type { Logger } from '../domain/logger.ts';
import { Backoff } from '../lib/backoff.ts';
import type { ContainerMaker } from './container-maker.ts';
import type { ContainerSandbox } from './container-sandbox.ts';
import { wantsStem } from './stem-policy.ts';
import type { Tokens } from './pool/tokens.ts';

export interface StemPoolOptions {
  readonly maker: Pick<ContainerMaker, 'make'>;
  /** The runtime's base image: what every version for it has below its package. */
  readonly loadImage: (signal: AbortSignal) => Promise<PreparedImage>;
  readonly mounts: readonly ContainerMount[];
  /** Of one stem. */
  readonly memoryBytes: number;
  /** Where each takes its memory from, and gives it back to when it is taken or gone. */
  readonly memory: Tokens;
  /** Runs one task at a time: so making stems never crowds out running functions. */
  readonly inTurn: <T>(task: () => Promise<T>) => Promise<T>;
  /** Stems kept ready. */
  readonly size: number;
  readonly logger: Logger;
}

/**
 * Making a stem takes processors and the event loop from the function that has just got one: that
 * is to have answered before the next is made.
 */
const refillPauseMs = 50;

/**
 * Sandboxes of one runtime that have booted and wait for a function: its code, limits, environment
 * and handler are given to them when they are taken. Each is taken once, and replaced.
 */
export class StemPool {
  readonly #options: StemPoolOptions;
  readonly #ready = new Set<ContainerSandbox>();
  readonly #stopped = new AbortController();
  readonly #backoff = new Backoff({ firstMs: 100, lastMs: 10_000 });
  #image: PreparedImage | undefined;
  #filling: Promise<void> | undefined;
  #refill: NodeJS.Timeout | undefined;

  constructor(options: StemPoolOptions) {
    this.#options = options;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    clearTimeout(this.#refill);
    await this.#filling;
    await Promise.all([...this.#ready].map((stem) => stem.destroy('shutdown')));
  }

  /** A stem on which this image can run, if one is ready; the caller owns it from then on. */
  take(image: PreparedImage): ContainerSandbox | undefined {
    if (!this.#image || !isPackageOn(this.#image, image)) return undefined;
    for (const stem of this.#ready) {
      this.#drop(stem);
      if (stem.destroyed) continue;
      this.#refill ??= setTimeout(() => this.fill(), refillPauseMs);
      return stem;
    }
    return undefined;
  }

  /** Destroys one, if there is one; resolves to the memory that is free then. */
  async giveUpOne(): Promise<number> {
    const [stem] = this.#ready;
    await stem?.destroy('evicted');
    return stem ? this.#options.memoryBytes : 0;
  }

  /** Makes those that are missing, unless memory is short; does not wait for them. */
  fill(): void {
    clearTimeout(this.#refill);
    this.#refill = undefined;
    if (this.#stopped.signal.aborted) return;
    this.#filling ??= this.#fill().finally(() => {
      this.#filling = undefined;
    });
  }

  async #fill(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted && this.#wantsMore()) {
      try {
        await this.#options.inTurn(() => this.#addOne(signal));
        this.#backoff.reset();
      } catch (error) {
        if (signal.aborted) return;
        this.#options.logger.warn({ error }, 'A stem could not be made; functions start without.');
        await this.#backoff.wait(signal);
      }
    }
  }

  #wantsMore(): boolean {
    const { size, memory, memoryBytes } = this.#options;
    return wantsStem({
      size,
      ready: this.#ready.size,
      stemBytes: memoryBytes,
      freeBytes: memory.free,
      limitBytes: memory.limit,
    });
  }

  /** Its turn may come late: there must still be memory then. */
  async #addOne(signal: AbortSignal): Promise<void> {
    const { memory, memoryBytes } = this.#options;
    if (!this.#wantsMore() || signal.aborted || !memory.take(memoryBytes)) return;
    try {
      const stem = await this.#make(signal);
      this.#ready.add(stem);
      void stem.gone.then(() => this.#drop(stem));
    } catch (error) {
      memory.giveBack(memoryBytes);
      throw error;
    }
  }

  #drop(stem: ContainerSandbox): void {
    if (this.#ready.delete(stem)) this.#options.memory.giveBack(this.#options.memoryBytes);
  }

  async #make(signal: AbortSignal): Promise<ContainerSandbox> {
    const { maker, mounts, memoryBytes, loadImage } = this.#options;
    this.#image ??= await loadImage(signal);
    const image = this.#image;
    const stem = await maker.make(
      { image, memoryBytes, cpu: 1, mounts, volumes: [], secretFiles: {}, hasTaskFolder: true },
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
