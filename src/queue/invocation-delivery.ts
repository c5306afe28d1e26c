import type { RedisQueueBackend } from 'bullmq';
import { HostError } from '../domain/errors.ts';
import type { AttemptResult, AttemptRunner } from '../domain/event-queue.ts';
import type { InvocationId, NodeId } from '../domain/ids.ts';
import { isEnded, type InvocationRecord } from '../domain/invocation-record.ts';
import type { Logger } from '../domain/logger.ts';
import { Backoff } from '../lib/backoff.ts';
import { redisUnavailable } from '../lib/redis-connection.ts';
import { begun, ended, handedBack } from './attempt-policy.ts';
import { attemptTrace } from './attempt-trace.ts';
import type { Destinations } from './destinations.ts';
import type { EventQueueConnection } from './event-queue-connection.ts';
import type { TakenJob } from './event-queue-poller.ts';
import type { InvocationStore } from './invocation-store.ts';
import type { ResultJournal } from './result-journal.ts';

/** Between tries to reach Redis. */
const pauseMs = { firstMs: 50, lastMs: 2_000 };

/** Somebody else changes the record at the same time: a cancel, say. More often is a defect. */
const conflictLimit = 20;

export interface InvocationDeliveryOptions {
  readonly node: NodeId;
  readonly connection: EventQueueConnection;
  readonly store: InvocationStore;
  readonly runner: Pick<AttemptRunner, 'run'>;
  readonly journal: ResultJournal;
  readonly destinations: Destinations;
  readonly logger: Logger;
  readonly random?: () => number;
}

/**
 * What happens with a job that was taken: its record says whether it is to run; the attempt runs;
 * its result goes into the journal and then into the record; the job goes, or waits for the next
 * attempt. Redis may be away at any point: what has happened is then told when it is back.
 *
 * INVARIANT: only who began an attempt ends it: a write names the revision that it read, and the
 * record the token. A result that is in the journal is reported, not made again. Only who holds the
 * job begins an attempt: a node that was cut off meanwhile finds that it is another's.
 */
export class InvocationDelivery {
  readonly #options: InvocationDeliveryOptions;
  readonly #cancels = new Map<InvocationId, AbortController>();

  constructor(options: InvocationDeliveryOptions) {
    this.#options = options;
  }

  /** The invocation was cancelled; harmless when it does not run here. */
  cancel(id: InvocationId): void {
    this.#cancels.get(id)?.abort();
  }

  /** Never rejects. After `abandoned` nothing is reported: the job is handed back by others. */
  async deliver(queue: RedisQueueBackend, job: TakenJob, abandoned: AbortSignal): Promise<void> {
    const persist = <T>(task: () => Promise<T>) => this.#persist(task, job.id, abandoned);
    try {
      let record = await persist(() => this.#begin(job));
      if (record?.token === job.token) {
        const result = await this.#run(record, job);
        if (abandoned.aborted) return;
        this.#options.journal.keep(job.id, job.token, result);
        record = await persist(() => this.#report(job.id, job.token, result));
      }
      await persist(() => this.#conclude(queue, job, record));
    } catch (error) {
      if (abandoned.aborted) return;
      const fields = { error, invocationId: job.id };
      this.#options.logger.error(fields, 'An invocation could not be delivered; it will be again.');
    }
  }

  /**
   * Takes care of what a node had under way or had taken when it ended: a result that is known is reported,
   * anything else is handed back, to begin (again) at once.
   */
  async recover(functionName: string, job: TakenJob): Promise<void> {
    const { journal, connection } = this.#options;
    const result = journal.find(job.id, job.token);
    const record = result
      ? await this.#report(job.id, job.token, result)
      : await this.#handBack(job);
    await this.#conclude(connection.queue(functionName), job, record);
  }

  async #handBack({ id, token }: TakenJob): Promise<InvocationRecord | undefined> {
    const { store } = this.#options;
    for (let conflicts = 0; conflicts < conflictLimit; conflicts += 1) {
      const before = await store.read(id);
      if (before?.token !== token) return before;
      const after = handedBack(before, Date.now());
      if (await store.replace(after)) return after;
    }
    throw new Error('the record of an invocation changes all the time');
  }

  /** The record, with this job's token where there is an attempt to run. */
  async #begin({ id, token }: TakenJob): Promise<InvocationRecord | undefined> {
    const { node, store, journal } = this.#options;
    for (let conflicts = 0; conflicts < conflictLimit; conflicts += 1) {
      const before = await store.read(id);
      if (!before || before.token === token) return before;
      const known = before.token === undefined ? undefined : journal.find(id, before.token);
      if (known && before.token !== undefined) return await this.#report(id, before.token, known);
      const { record } = begun(before, { nowMs: Date.now(), node, token });
      if (record === before) return before;
      const written = await store.replaceWhileHeld(record, token);
      if (written === 'not_held') return before;
      if (written === 'replaced') return record;
    }
    throw new Error('the record of an invocation changes all the time');
  }

  async #run(record: InvocationRecord, { id }: TakenJob): Promise<AttemptResult> {
    const { store, runner } = this.#options;
    const { functionName, qualifier, source, head, attempts, trace, caller, destination } = record;
    const cancel = new AbortController();
    this.#cancels.set(id, cancel);
    try {
      const body = await store.readBody(id);
      if (!body) return { outcome: bodyLost(), timings: {} };
      const number = attempts.at(-1)?.number ?? 1;
      return await runner.run({
        id,
        functionName,
        source,
        head,
        body,
        number,
        cancelled: cancel.signal,
        ...(trace ? { trace: attemptTrace(trace, number) } : {}),
        ...(caller === undefined ? {} : { caller }),
        ...(qualifier === undefined ? {} : { qualifier }),
        ...(destination ? { destination } : {}),
      });
    } finally {
      this.#cancels.delete(id);
    }
  }

  /** Writes the result into the record, unless it comes too late: another worker has taken over. */
  async #report(
    id: InvocationId,
    token: string,
    result: AttemptResult,
  ): Promise<InvocationRecord | undefined> {
    const { store, journal, logger, random = Math.random } = this.#options;
    for (let conflicts = 0; conflicts < conflictLimit; conflicts += 1) {
      const before = await store.read(id);
      if (before?.token !== token) {
        if (before) logger.warn({ invocationId: id }, 'A result came too late and was dropped.');
        journal.forget(id);
        return before;
      }
      const after = ended(before, result, { nowMs: Date.now(), random: random() });
      if (await store.replace(after, result.response?.body)) {
        journal.forget(id);
        return after;
      }
    }
    throw new Error('the record of an invocation changes all the time');
  }

  /** Whoever is to hear of the end is told before the job is gone: nothing else reminds of it. */
  async #conclude(
    queue: RedisQueueBackend,
    job: TakenJob,
    record: InvocationRecord | undefined,
  ): Promise<void> {
    if (record && isEnded(record.state)) await this.#options.destinations.tell(record);
    await this.#settle(queue, job, record);
  }

  /** The job follows the record. Where its lock is lost, whoever has it now does the same. */
  async #settle(
    queue: RedisQueueBackend,
    { id, token }: TakenJob,
    record: InvocationRecord | undefined,
  ): Promise<void> {
    const { connection } = this.#options;
    try {
      if (record?.state === 'queued') {
        const { functionName, dueMs } = record;
        const nowMs = Date.now();
        const delayMs = Math.max(1, dueMs - nowMs); // none at all would keep it from being taken
        await queue.moveToDelayed(id, nowMs, delayMs, token, { skipAttempt: true });
        await connection.lookAt(functionName, dueMs);
      } else if (record?.state !== 'running') {
        await queue.moveToCompleted({ id, opts: {} } as never, null, true, token, false);
      }
    } catch (error) {
      if (!isNotOurs(error)) throw redisUnavailable(error);
    }
  }

  async #persist<T>(task: () => Promise<T>, id: InvocationId, abandoned: AbortSignal): Promise<T> {
    const pause = new Backoff(pauseMs);
    for (;;) {
      try {
        abandoned.throwIfAborted();
        return await task();
      } catch (error) {
        if (!(error instanceof HostError) || abandoned.aborted) throw error;
        this.#options.logger.warn({ error, invocationId: id }, 'An invocation waits for Redis.');
        await pause.wait(abandoned);
      }
    }
  }
}

/** BullMQ's word for: the job is gone, or its lock is somebody else's. */
const isNotOurs = (error: unknown): boolean =>
  typeof (error as { readonly code?: unknown } | undefined)?.code === 'number';

const bodyLost = (): HostError =>
  new HostError(
    'not_found',
    'async.body_lost',
    'The body of the invocation is not stored any more.',
  );
