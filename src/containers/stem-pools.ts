import type { Runtime } from '../domain/function.ts';
import type { PreparedImage } from '../domain/image.ts';
import type { StemKeeper } from '../domain/pool.ts';
import type { Service } from '../domain/service.ts';
import { KeyedMutex } from '../lib/keyed-mutex.ts';
import { Repeating } from '../lib/repeating.ts';
import type { ContainerSandbox } from './container-sandbox.ts';
import { StemPool, type StemPoolOptions } from './stem-pool.ts';

export interface StemPoolsOptions extends Omit<StemPoolOptions, 'loadImage' | 'inTurn'> {
  readonly loadImage: (runtime: Runtime, signal: AbortSignal) => Promise<PreparedImage>;
}

/** How soon stems that were given up, or that could not be made, are made when memory is free. */
const refillIntervalMs = 1000;

/** Stems of the runtimes that are in use, none of the others; made one at a time over all. */
export class StemPools implements StemKeeper, Service {
  readonly name = 'stem pools';
  readonly #options: StemPoolsOptions;
  readonly #pools = new Map<Runtime, StemPool>();
  readonly #mutex = new KeyedMutex<'making'>();
  readonly #refill = new Repeating(refillIntervalMs, async () => this.#fill());
  readonly #stopping = new Set<Promise<void>>();

  constructor(options: StemPoolsOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#refill.start();
  }

  async stop(): Promise<void> {
    await this.#refill.stop();
    this.use(new Set());
    await Promise.all(this.#stopping);
  }

  use(runtimes: ReadonlySet<Runtime>): void {
    for (const [runtime, pool] of this.#pools) {
      if (runtimes.has(runtime)) continue;
      this.#pools.delete(runtime);
      const stopping = pool.stop().finally(() => this.#stopping.delete(stopping));
      this.#stopping.add(stopping);
    }
    for (const runtime of runtimes) {
      if (!this.#pools.has(runtime)) this.#pools.set(runtime, this.#newPool(runtime));
    }
    this.#fill();
  }

  /** A stem on which this image can run, if one is ready; the caller owns it from then on. */
  take(image: PreparedImage): ContainerSandbox | undefined {
    for (const pool of this.#pools.values()) {
      const stem = pool.take(image);
      if (stem) return stem;
    }
    return undefined;
  }

  /** Gives up stems until so much memory is free, or there are none. Resolves to what is. */
  async yield(bytes: number): Promise<number> {
    let freed = 0;
    for (const pool of this.#pools.values()) {
      for (;;) {
        if (freed >= bytes) return freed;
        const more = await pool.giveUpOne();
        if (more === 0) break;
        freed += more;
      }
    }
    return freed;
  }

  #fill(): void {
    for (const pool of this.#pools.values()) pool.fill();
  }

  #newPool(runtime: Runtime): StemPool {
    return new StemPool({
      ...this.#options,
      loadImage: (signal) => this.#options.loadImage(runtime, signal),
      inTurn: (task) => this.#mutex.run('making', task),
    });
  }
}
