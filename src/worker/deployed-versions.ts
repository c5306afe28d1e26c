import { servedVersions, type FunctionSpec, type FunctionStore } from '../domain/function.ts';
import type { Digest } from '../domain/ids.ts';
import type { Logger } from '../domain/logger.ts';
import type { Service } from '../domain/service.ts';
import { Repeating } from '../lib/repeating.ts';
import type { VersionCache } from './version-cache.ts';

export interface DeployedVersionsOptions {
  readonly functions: Pick<FunctionStore, 'list'>;
  /** Whether this node may run the function. */
  readonly mayRun: (spec: FunctionSpec) => boolean;
  readonly images: { readonly has: (digest: Digest) => Promise<boolean> };
  readonly versions: Pick<VersionCache, 'prepare'>;
  readonly logger: Logger;
  readonly lookIntervalMs?: number;
}

/** Deploys ask nodes by themselves: what is found here was missed by one that was away. */
const defaultLookIntervalMs = 30_000;

/**
 * Pulls and unpacks, one after the other, what was deployed while this node was away, or could not
 * be prepared when it was: a call that comes here then does not wait for it.
 */
export class DeployedVersions implements Service {
  readonly name = 'deployed versions';
  readonly #options: DeployedVersionsOptions;
  readonly #looking: Repeating;
  /** Known to be here, of those that are served. */
  #here: ReadonlySet<Digest> = new Set();
  #isStopped = false;

  constructor(options: DeployedVersionsOptions) {
    this.#options = options;
    const { lookIntervalMs = defaultLookIntervalMs } = options;
    this.#looking = new Repeating(lookIntervalMs, () => this.#look());
  }

  async start(): Promise<void> {
    void this.#look().then(() => this.#looking.start());
  }

  /** A pull under way is not waited for: what it leaves is whole, or not there. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    void this.#looking.stop();
  }

  async #look(): Promise<void> {
    const { functions, mayRun, logger } = this.#options;
    const here = new Set<Digest>();
    for (const record of functions.list()) {
      const served = new Set([...servedVersions(record), record.previous]); // a rollback is at once
      for (const { digest, spec } of record.versions) {
        if (this.#isStopped) return;
        if (!served.has(digest) || !mayRun(spec)) continue;
        try {
          if (!this.#here.has(digest)) await this.#prepare(digest);
          here.add(digest);
        } catch (error) {
          const { name } = record;
          logger.warn({ error, functionName: name, version: digest }, 'A version is not here yet.');
        }
      }
    }
    this.#here = here;
  }

  async #prepare(digest: Digest): Promise<void> {
    const { images, versions } = this.#options;
    if (!(await images.has(digest))) await versions.prepare(digest);
  }
}
