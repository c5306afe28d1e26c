import type { FunctionDeployer } from '../domain/deployer.ts';
import { HostError } from '../domain/errors.ts';
import type { Facts, StreamedFact } from '../domain/facts.ts';
import type { Canary, FunctionRecord, FunctionStore, TrafficSplit } from '../domain/function.ts';
import type { Logger } from '../domain/logger.ts';
import type { Service } from '../domain/service.ts';
import { Repeating } from '../lib/repeating.ts';
import { judgeCanary } from './canary-policy.ts';
import { RunTally } from './run-tally.ts';

export interface CanaryDriverOptions {
  readonly functions: Pick<FunctionStore, 'list' | 'onChange'>;
  readonly deployer: Pick<FunctionDeployer, 'moveCanary'>;
  readonly logger: Logger;
  readonly lookEveryMs?: number;
  /** Milliseconds of a clock that does not jump. */
  readonly now?: () => number;
}

/** One step of one canary, since this process watches it. */
interface Watch {
  record: FunctionRecord;
  readonly split: TrafficSplit & { readonly canary: Canary };
  readonly beganMs: number;
  readonly canary: RunTally;
  readonly live: RunTally;
}

/**
 * Moves the canaries of all functions. Every gateway has one and hears of every invocation of the
 * cluster.
 *
 * INVARIANT: each step is made once. It is written over the revision that it was decided on, so
 * that of several gateways the first one makes it and the others look anew.
 * INVARIANT: a process that has just begun to watch judges by what it has seen since: a restart
 * makes a step longer, never shorter.
 */
export class CanaryDriver implements Service {
  readonly name = 'canary driver';
  readonly #options: CanaryDriverOptions;
  readonly #now: () => number;
  readonly #looking: Repeating;
  #watches: ReadonlyMap<string, Watch> = new Map();

  constructor(options: CanaryDriverOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#looking = new Repeating(options.lookEveryMs ?? 1_000, () => this.look());
    options.functions.onChange(() => this.#follow());
  }

  async start(): Promise<void> {
    this.#follow();
    this.#looking.start();
  }

  stop(): Promise<void> {
    return this.#looking.stop();
  }

  /** A listener of the facts of the cluster. */
  readonly listen = ({ fact }: StreamedFact): void => {
    if (fact.type === 'invocation.completed') this.#count(fact.data);
  };

  /** Judges all canaries once. Never rejects. */
  async look(): Promise<void> {
    for (const [name, watch] of this.#watches) {
      const { split, canary, live, record } = watch;
      const observedMs = this.#now() - watch.beganMs;
      const move = judgeCanary(split.canary, { canary, live, observedMs });
      if (!move) continue;
      try {
        await this.#options.deployer.moveCanary(name, record.revision, move);
      } catch (error) {
        if (error instanceof HostError && error.code === 'conflict') continue;
        this.#options.logger.warn({ error, name }, 'A canary could not be moved; trying again.');
      }
    }
  }

  #count(data: Facts['invocation.completed']): void {
    const watch = this.#watches.get(data.functionName);
    if (data.version === watch?.split.version) watch.canary.add(data);
    else if (data.version === watch?.record.live) watch.live.add(data);
  }

  /** What was seen of a step stays as long as the step does, whatever else changes in the record. */
  #follow(): void {
    const watches = new Map<string, Watch>();
    for (const record of this.#options.functions.list()) {
      const { name, split } = record;
      if (!split?.canary) continue;
      const known = this.#watches.get(name);
      if (known && isSameStep(known, record)) watches.set(name, Object.assign(known, { record }));
      else watches.set(name, this.#newWatch(record, { ...split, canary: split.canary }));
    }
    this.#watches = watches;
  }

  #newWatch(record: FunctionRecord, split: Watch['split']): Watch {
    const [canary, live] = [new RunTally(), new RunTally()];
    return { record, split, beganMs: this.#now(), canary, live };
  }
}

const isSameStep = ({ record: { live }, split }: Watch, record: FunctionRecord): boolean =>
  live === record.live &&
  split.version === record.split?.version &&
  split.canary.since === record.split.canary?.since;
