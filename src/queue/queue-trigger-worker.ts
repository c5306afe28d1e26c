import { randomUUID } from 'node:crypto';
import { DelayedError, Worker, type ConnectionOptions, type Job, type JobProgress } from 'bullmq';
import type { RedisOptions } from 'ioredis';
import { HostError } from '../domain/errors.ts';
import type { AttemptResult, AttemptRunner } from '../domain/event-queue.ts';
import type { Logger } from '../domain/logger.ts';
import type { QueueTrigger } from '../domain/queue-trigger.ts';
import { parseTraceparent, type RemoteTrace, type Tracing } from '../domain/trace.ts';
import { failureOf } from './attempt-failure-policy.ts';
import { Batcher } from './batcher.ts';
import { reconnectDelayMs } from './lane.ts';
import { ProgressReports } from './progress-reports.ts';
import { jobResults, queueEvent, type JobResult, type QueueJob } from './queue-event-policy.ts';

/** A job waits so long for others to share its invocation. */
const lingerMs = 20;

/** While there is no room for the function, its jobs go back into their queue for so long. */
const noRoomPauseMs = 1_000;

/** Workers that may die with a job before BullMQ takes it for the cause; its own limit is 1. */
const maxStalledCount = 20;

const closeLimitMs = 2_000;

export interface QueueTriggerWorkerOptions {
  readonly functionName: string;
  readonly trigger: QueueTrigger;
  readonly redis: RedisOptions;
  readonly runner: Pick<AttemptRunner, 'run'>;
  readonly tracing: Pick<Tracing, 'beginAttempt'>;
  readonly logger: Logger;
  /** Renewed at half of it while the function runs. */
  readonly lockMs: number;
}

interface TakenJob extends QueueJob {
  readonly setProgress: (value: unknown) => Promise<void>;
}

/** What ended an invocation without a word on its jobs: they are not to blame. */
const noRoom = Symbol('no room');

/**
 * Consumes one queue of an application for one function, as any BullMQ worker would: attempts,
 * backoff, delay and priority are the job's own, its result is the function's answer, and its lock
 * is kept for as long as the function runs.
 */
export class QueueTriggerWorker {
  readonly #options: QueueTriggerWorkerOptions;
  readonly #batches: Batcher<TakenJob, JobResult | typeof noRoom>;
  readonly #abandoned = new AbortController();
  readonly #worker: Worker<unknown>;
  #isClosing = false;

  /** Connects, and begins to take jobs, at once. */
  constructor(options: QueueTriggerWorkerOptions) {
    this.#options = options;
    const { functionName, trigger, redis, logger, lockMs } = options;
    const { batchSize, maxConcurrency } = trigger;
    this.#batches = new Batcher({
      size: batchSize,
      maxConcurrency,
      lingerMs: batchSize === 1 ? 0 : lingerMs,
      run: (jobs) => this.#invoke(jobs),
    });
    const connection = {
      ...redis,
      maxRetriesPerRequest: null,
      retryStrategy: (times: number) => (this.#isClosing ? null : reconnectDelayMs(times)),
    } as ConnectionOptions; // its type is narrower
    this.#worker = new Worker<unknown>(trigger.name, (job, token) => this.#process(job, token), {
      connection,
      prefix: trigger.prefix,
      name: `hearth:${functionName}`,
      concurrency: batchSize * maxConcurrency,
      lockDuration: lockMs,
      maxStalledCount,
    });
    this.#worker.on('error', (error) =>
      logger.warn({ error, functionName, queue: trigger.name }, 'A queue is not reachable.'),
    );
  }

  /** Takes nothing more; what runs may end until `grace` aborts, and stalls then. */
  async close(grace: AbortSignal): Promise<void> {
    this.#isClosing = true;
    await this.#worker.pause(true);
    const giveUp = AbortSignal.any([grace, this.#abandoned.signal]);
    await Promise.race([this.#worker.close(), aborted(giveUp)]);
    if (!giveUp.aborted) return;
    this.#abandoned.abort();
    const limit = AbortSignal.timeout(closeLimitMs);
    await Promise.race([this.#worker.disconnect().catch(() => {}), aborted(limit)]);
  }

  async #process(job: Job<unknown>, token: string | undefined): Promise<unknown> {
    const { id = '', data, attemptsMade, timestamp, opts } = job;
    const attempts = attemptsMade + 1;
    const cause = producerOf(opts.telemetry?.metadata);
    const message = { id, attempts, timestampMs: timestamp, ...(await flowOf(job)) };
    const setProgress = (value: unknown) => job.updateProgress(value as JobProgress);
    const result = await this.#batches.add({ ...message, data, cause, setProgress });
    if (result === noRoom) {
      await job.moveToDelayed(Date.now() + noRoomPauseMs, token);
      throw new DelayedError();
    }
    if ('error' in result) throw new Error(result.error);
    return result.value;
  }

  async #invoke(jobs: readonly TakenJob[]): Promise<readonly (JobResult | typeof noRoom)[]> {
    const { functionName, trigger, runner, tracing } = this.#options;
    const messages = jobs.map(
      ({ data: _data, cause: _cause, setProgress: _progress, ...message }) => message,
    );
    const trace = tracing.beginAttempt(jobs.flatMap(({ cause }) => cause ?? []));
    const progress = new ProgressReports({
      size: jobs.length,
      write: async (index, value) => await jobs[index]?.setProgress(value),
    });
    const result = await runner.run({
      id: randomUUID(),
      functionName,
      source: 'queue',
      head: {
        trigger: 'event',
        method: 'POST',
        url: '/',
        headers: [],
        sourceIp: '',
        queue: { name: trigger.name, isBatch: trigger.batchSize > 1, messages },
      },
      body: Buffer.from(JSON.stringify(queueEvent(trigger, jobs))),
      number: Math.max(...jobs.map(({ attempts }) => attempts)),
      cancelled: this.#abandoned.signal,
      onProgress: (index, json) => progress.report(index, json),
      ...(trace ? { trace } : {}),
    });
    await progress.end();
    if (isNoRoom(result)) return jobs.map(() => noRoom);
    const failure = failureOf(result);
    if (failure) return jobs.map(() => ({ error: failure.message }));
    return jobResults(jobs, answerOf(result));
  }
}

async function flowOf(job: Job<unknown>): Promise<Pick<QueueJob, 'childrenValues'>> {
  const childrenValues = await job.getChildrenValues();
  return Object.keys(childrenValues).length > 0 ? { childrenValues } : {};
}

/** The span that added a job, as BullMQ's own telemetry notes it: its propagator's carrier, as JSON. */
function producerOf(metadata: string | undefined): RemoteTrace | undefined {
  if (metadata === undefined) return undefined;
  try {
    const { traceparent } = JSON.parse(metadata) as { readonly traceparent?: unknown };
    return parseTraceparent(String(traceparent));
  } catch {
    return undefined; // another propagator's
  }
}

function isNoRoom({ outcome }: AttemptResult): boolean {
  if (outcome instanceof HostError) {
    return outcome.code === 'unavailable' || outcome.code === 'throttled';
  }
  return outcome.kind === 'timeout' && (outcome.phase === 'queue' || outcome.phase === 'lease');
}

/** JSON as it is, other text as text. */
function answerOf({ response }: AttemptResult): unknown {
  const text = Buffer.from(response?.body ?? '').toString();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
