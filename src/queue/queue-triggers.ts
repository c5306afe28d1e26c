import type { AttemptRunner } from '../domain/event-queue.ts';
import { liveVersion, type FunctionStore } from '../domain/function.ts';
import type { Logger } from '../domain/logger.ts';
import type { QueueTrigger } from '../domain/queue-trigger.ts';
import type { Service } from '../domain/service.ts';
import type { Tracing } from '../domain/trace.ts';
import { Repeating } from '../lib/repeating.ts';
import { lockMs } from './event-queue-connection.ts';
import { redisNamed, type NamedRedis } from './named-redis.ts';
import { QueueTriggerWorker } from './queue-trigger-worker.ts';

const lookIntervalMs = 500;

export interface QueueTriggersOptions extends NamedRedis {
  readonly functions: Pick<FunctionStore, 'list'>;
  readonly runner: Pick<AttemptRunner, 'run'>;
  readonly tracing: Pick<Tracing, 'beginAttempt'>;
  readonly logger: Logger;
  /** How long a job stays with a worker that says nothing; default: a minute. */
  readonly lockMs?: number;
}

interface Wanted {
  readonly functionName: string;
  readonly trigger: QueueTrigger;
}

/** Keeps a worker on each queue that a deployed function is triggered by. */
export class QueueTriggers implements Service {
  readonly name = 'queue triggers';
  readonly #options: Required<QueueTriggersOptions>;
  readonly #workers = new Map<string, QueueTriggerWorker>();
  readonly #unknown = new Set<string>();
  readonly #closing = new Set<Promise<void>>();
  readonly #looking: Repeating;

  constructor(options: QueueTriggersOptions) {
    this.#options = { lockMs, ...options };
    this.#looking = new Repeating(lookIntervalMs, async () => this.#look());
  }

  async start(): Promise<void> {
    this.#look();
    this.#looking.start();
  }

  async stop(grace: AbortSignal): Promise<void> {
    await this.#looking.stop();
    for (const [key, worker] of this.#workers) this.#close(key, worker, grace);
    await Promise.all(this.#closing);
  }

  /** Settings that changed are a worker that goes and another that comes. */
  #look(): void {
    const wanted = new Map<string, Wanted>();
    for (const record of this.#options.functions.list()) {
      for (const trigger of liveVersion(record).spec.queues ?? []) {
        const entry = { functionName: record.name, trigger };
        wanted.set(JSON.stringify(entry), entry);
      }
    }
    for (const [key, worker] of this.#workers) {
      if (!wanted.has(key)) this.#close(key, worker, new AbortController().signal);
    }
    for (const [key, entry] of wanted) if (!this.#workers.has(key)) this.#open(key, entry);
  }

  #open(key: string, { functionName, trigger }: Wanted): void {
    const { runner, tracing, logger, lockMs } = this.#options;
    const { connection } = trigger;
    const redis = redisNamed(connection, this.#options);
    if (redis) {
      const options = { functionName, trigger, redis, runner, tracing, logger, lockMs };
      this.#workers.set(key, new QueueTriggerWorker(options));
      return;
    }
    if (this.#unknown.has(key)) return;
    this.#unknown.add(key);
    logger.error(
      { functionName, queue: trigger.name, connection },
      'A queue trigger names a connection that HEARTH_QUEUES does not have.',
    );
  }

  #close(key: string, worker: QueueTriggerWorker, grace: AbortSignal): void {
    this.#workers.delete(key);
    const closing = worker
      .close(grace)
      .catch((error: unknown) =>
        this.#options.logger.warn({ error }, 'A queue was not let go of cleanly.'),
      )
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}
