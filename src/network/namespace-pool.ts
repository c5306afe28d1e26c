import { join } from 'node:path';
import type { Logger } from '../domain/logger.ts';
import type { Service } from '../domain/service.ts';

/** A namespace held for one sandbox. */
export interface NamespaceLease extends AsyncDisposable {
  readonly path: string;
}

/** Makes and removes network namespaces that are pinned to a path. */
export interface NamespaceMaker {
  create(pinPath: string): Promise<void>;
  remove(pinPath: string): Promise<void>;
}

export interface NamespacePoolOptions {
  readonly maker: NamespaceMaker;
  /** Where the pins lie; the pool's own. */
  readonly dir: string;
  /** How many wait ready: as many sandboxes can start at once without waiting for the kernel. */
  readonly size: number;
  readonly logger: Logger;
}

/**
 * Network namespaces made ahead. Each serves one sandbox and is then removed: a socket that
 * outlived its sandbox can never meet the next one.
 */
export class NamespacePool implements Service {
  readonly name = 'network namespace pool';
  readonly #options: NamespacePoolOptions;
  readonly #ready: string[] = [];
  readonly #leased = new Set<string>();
  #made = 0;
  #filling: Promise<void> | undefined;
  #stopped = false;

  constructor(options: NamespacePoolOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#fill();
    await this.#filling;
  }

  /** Removes all, also those whose sandboxes have not given them back. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#filling;
    const paths = [...this.#ready.splice(0), ...this.#leased];
    await Promise.all(paths.map((path) => this.#options.maker.remove(path)));
  }

  async lease(): Promise<NamespaceLease> {
    const path = this.#ready.shift() ?? (await this.#make());
    this.#leased.add(path);
    this.#fill();
    return {
      path,
      [Symbol.asyncDispose]: async () => {
        if (this.#leased.delete(path)) await this.#options.maker.remove(path);
      },
    };
  }

  async #make(): Promise<string> {
    const path = join(this.#options.dir, String((this.#made += 1)));
    await this.#options.maker.create(path);
    return path;
  }

  #fill(): void {
    this.#filling ??= this.#fillUp().finally(() => {
      this.#filling = undefined;
    });
  }

  /** One at a time, so that sandboxes that are just being made come first. */
  async #fillUp(): Promise<void> {
    try {
      while (!this.#stopped && this.#ready.length < this.#options.size) {
        this.#ready.push(await this.#make());
      }
    } catch (error) {
      // Whoever needs one next makes it and is told what is wrong.
      this.#options.logger.warn({ error }, 'network namespaces could not be made ahead');
    }
  }
}
