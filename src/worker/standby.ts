import {
  liveVersion,
  servedVersions,
  type FunctionRecord,
  type FunctionSpec,
  type FunctionStore,
} from '../domain/function.ts';
import type { Logger } from '../domain/logger.ts';
import type { Reservation, SandboxReserver, StemKeeper } from '../domain/pool.ts';
import type { Service } from '../domain/service.ts';
import { Repeating } from '../lib/repeating.ts';
import type { VersionCache } from './version-cache.ts';

export interface StandbyOptions {
  readonly functions: Pick<FunctionStore, 'list' | 'onChange'>;
  readonly versions: Pick<VersionCache, 'prepare'>;
  /** Does this node keep the sandboxes that the function wants kept? */
  readonly isOurs: (spec: FunctionSpec) => boolean;
  /** So many sandboxes are to be ready at the moment. */
  readonly readyCount: (scaling: FunctionSpec['scaling'], nowMs: number) => number;
  readonly stems: StemKeeper;
  readonly pool: SandboxReserver;
  readonly logger: Logger;
}

/** Changes of functions are seen at once; of nodes, with the next look. */
const lookIntervalMs = 5000;

/**
 * Keeps ready what deployed functions ask for: stems of their runtimes, and so many sandboxes as they say;
 * and tells the pool which versions are served, so that others do not linger.
 */
export class Standby implements Service {
  readonly name = 'standby';
  readonly #options: StandbyOptions;
  readonly #looking = new Repeating(lookIntervalMs, () => this.#look());
  #current: Promise<void> = Promise.resolve();
  #isQueued = false;
  #isStopped = false;

  constructor(options: StandbyOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#options.functions.onChange(() => void this.#look());
    this.#looking.start();
    void this.#look();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#looking.stop();
    await this.#current;
  }

  /** One at a time; changes that come meanwhile share the next. */
  #look(): Promise<void> {
    if (this.#isQueued) return this.#current;
    this.#isQueued = true;
    this.#current = this.#current.then(() => {
      this.#isQueued = false;
      return this.#isStopped ? undefined : this.#apply();
    });
    return this.#current;
  }

  async #apply(): Promise<void> {
    const { functions, stems, pool } = this.#options;
    const records = functions.list();
    const runtimes = records.map((record) => liveVersion(record).spec.runtime);
    stems.use(new Set(runtimes.filter((runtime) => runtime !== 'image'))); // those have no stem
    const reservations = records.map(
      async (record) => [record.name, await this.#reservation(record)] as const,
    );
    pool.reserve(new Map(await Promise.all(reservations)));
  }

  async #reservation(record: FunctionRecord): Promise<Reservation> {
    const { versions, isOurs, readyCount, logger } = this.#options;
    const { digest, spec } = liveVersion(record);
    const served = servedVersions(record);
    const count = readyCount(spec.scaling, Date.now());
    if (count === 0 || !isOurs(spec)) return { served };
    try {
      return {
        served,
        ready: { version: await versions.prepare(digest), count },
      };
    } catch (error) {
      logger.warn({ error, functionName: record.name }, 'Sandboxes could not be kept ready.');
      return { served };
    }
  }
}
