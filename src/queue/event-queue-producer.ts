import { HostError } from '../domain/errors.ts';
import type { AsyncInvocation, AsyncInvoker } from '../domain/event-queue.ts';
import type { InvocationRecord } from '../domain/invocation-record.ts';
import { asyncBodyLimitBytes } from '../domain/limits.ts';
import type { Tracing } from '../domain/trace.ts';
import { redisUnavailable } from '../lib/redis-connection.ts';
import { formatBytes } from '../lib/units.ts';
import { accepted } from './attempt-policy.ts';
import type { EventQueueConnection } from './event-queue-connection.ts';
import { GroupCommit } from './group-commit.ts';
import { jobOf } from './invocation-job.ts';

/** One write, and so one fsync, takes at most so many. */
const maxBatch = 256;

/** Writes under way: while Redis syncs one, the next is on its way. */
const maxInFlight = 2;

/** Some seconds of work; who comes then is better told at once. */
const maxWaiting = 20_000;

/** POLICY: not yet ended invocations of one function; about 1 KiB each without their bodies. */
const liveLimit = 100_000;

/** How long it is taken for true that a function has too many. */
const fullMs = 1_000;

/** BullMQ's own log of each queue, which nobody reads, would keep 10,000 entries. */
const keptEvents = 100;

type AcceptReply = readonly [isNew: number, live: number];

interface Entry {
  readonly record: InvocationRecord;
  readonly body: Uint8Array;
  isNew: boolean;
}

/**
 * Puts asynchronous invocations into the event queues of their functions: record and BullMQ job in
 * one transaction, all that gathered meanwhile in the same one, for all functions one connection.
 */
export class EventQueueProducer implements AsyncInvoker {
  readonly #connection: EventQueueConnection;
  readonly #tracing: Pick<Tracing, 'beginAttempt'>;
  readonly #commits: GroupCommit<Entry>;
  readonly #fullUntilMs = new Map<string, number>();

  constructor(connection: EventQueueConnection, tracing: Pick<Tracing, 'beginAttempt'>) {
    this.#connection = connection;
    this.#tracing = tracing;
    this.#commits = new GroupCommit({
      maxBatch,
      maxInFlight,
      maxWaiting,
      commit: (entries) => this.#commit(entries),
    });
  }

  async enqueue(invocation: AsyncInvocation): Promise<boolean> {
    const { body, functionName } = invocation;
    if (body.byteLength > asyncBodyLimitBytes) throw tooLarge();
    const nowMs = Date.now();
    if (nowMs < (this.#fullUntilMs.get(functionName) ?? 0)) throw full(functionName);
    const trace = invocation.trace ?? this.#tracing.beginAttempt([]);
    const traced = trace ? { ...invocation, trace } : invocation;
    const entry = { record: accepted(traced, nowMs), body, isNew: false };
    await this.#commits.add(entry);
    return entry.isNew;
  }

  async #commit(entries: readonly Entry[]): Promise<void> {
    const replies = await this.#write(entries).catch((cause: unknown) => {
      throw redisUnavailable(cause);
    });
    const nowMs = Date.now();
    for (const [index, entry] of entries.entries()) {
      const [isNew, live] = replies[index] ?? [0, 0];
      entry.isNew = isNew === 1;
      const { functionName } = entry.record;
      if (live >= liveLimit) this.#fullUntilMs.set(functionName, nowMs + fullMs);
      else this.#fullUntilMs.delete(functionName);
    }
  }

  /** INVARIANT: the record and its job are there together, or neither is. */
  async #write(entries: readonly Entry[]): Promise<readonly AcceptReply[]> {
    const { keys } = this.#connection;
    const transaction = await this.#connection.transaction();
    for (const { record, body } of entries) {
      const { id, functionName, acceptedMs, dueMs } = record;
      const queue = this.#connection.queue(functionName);
      transaction.runCommand('acceptInvocation', [
        keys.record(id),
        keys.body(id),
        keys.live(functionName),
        keys.work,
        queue.keys['meta'],
        JSON.stringify(record),
        body,
        id,
        functionName,
        acceptedMs,
        dueMs,
        keys.wake,
        keptEvents,
      ]);
      await queue.addJobToTransaction(transaction, jobOf(record, acceptedMs), id, {}, queue.keys);
    }
    const replies = (await transaction.exec()) ?? [];
    return replies.flatMap(([error, reply], index) => {
      if (error) throw error;
      return index % 2 === 0 ? [reply as AcceptReply] : [];
    });
  }
}

const tooLarge = (): HostError =>
  new HostError(
    'too_large',
    'async.body_too_large',
    `The body is larger than ${formatBytes(asyncBodyLimitBytes)}, the limit of an asynchronous invocation.`,
  );

const full = (functionName: string): HostError =>
  new HostError(
    'throttled',
    'async.queue_full',
    `${liveLimit} invocations of "${functionName}" wait already; try again later.`,
    { retryAfterMs: fullMs },
  );
