import { HostError, toHostError } from '../domain/errors.ts';
import type { FactPublisher } from '../domain/facts.ts';
import type { NodeId } from '../domain/ids.ts';
import type { InvocationOutcome, Phase, PhaseTimings, StartKind } from '../domain/invocation.ts';
import type { LaneItem } from '../domain/lane.ts';
import type { LogStore } from '../domain/log.ts';
import type { Logger } from '../domain/logger.ts';
import type { SandboxLease, SandboxLender } from '../domain/pool.ts';
import type { ReplySender, ReplyStream, StartInfo } from '../domain/reply.ts';
import type { Service } from '../domain/service.ts';
import { explanation } from './explanation.ts';
import type { VersionCache } from './version-cache.ts';

export interface DispatcherOptions {
  readonly node: NodeId;
  readonly versions: VersionCache;
  readonly pool: SandboxLender;
  readonly replies: ReplySender;
  readonly logs: Pick<LogStore, 'append'>;
  readonly facts: FactPublisher;
  readonly logger: Logger;
}

/** One invocation's own account of where it is and how long each phase took. */
interface Progress {
  phase: Phase;
  start?: StartKind;
  timings: PhaseTimings;
}

/**
 * Runs what the lane brings: prepares the version, leases a sandbox, lets it answer straight into
 * the reply connection, gives the sandbox back. Every item ends in exactly one reply.
 */
export class Dispatcher implements Service {
  readonly name = 'dispatcher';
  readonly #options: DispatcherOptions;
  readonly #running = new Set<Promise<void>>();

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** A LaneHandler. Does not wait for what it starts. */
  readonly dispatch = (items: readonly LaneItem[]): void => {
    for (const item of items) {
      const running = this.#dispatch(item).finally(() => this.#running.delete(running));
      this.#running.add(running);
    }
  };

  async start(): Promise<void> {}

  /** Resolves when nothing runs any more, or when `grace` aborts. */
  async stop(grace: AbortSignal): Promise<void> {
    if (grace.aborted) return;
    const over = Promise.withResolvers<void>();
    grace.addEventListener('abort', () => over.resolve(), { once: true });
    await Promise.race([Promise.all(this.#running), over.promise]);
  }

  async #dispatch(item: LaneItem): Promise<void> {
    const stream = this.#options.replies.open(item.replyTo, item.id);
    const progress: Progress = {
      phase: 'queue',
      timings: { queue: Math.max(0, Date.now() - item.acceptedMs) },
    };
    const info = (): StartInfo => ({
      node: this.#options.node,
      timings: progress.timings,
      ...(progress.start === undefined ? {} : { start: progress.start }),
    });
    let result: InvocationOutcome | HostError;
    try {
      result = await this.#run(item, stream, progress, info);
    } catch (error) {
      result = toHostError(error);
      if (result.code === 'internal') {
        this.#options.logger.error({ invocationId: item.id, error }, 'an invocation failed');
      }
    }
    this.#explain(item, result);
    stream.end(result, info());
    this.#publish(item, result, progress);
  }

  async #run(
    item: LaneItem,
    stream: ReplyStream,
    progress: Progress,
    info: () => StartInfo,
  ): Promise<InvocationOutcome> {
    const remainingMs = item.deadlineMs - Date.now();
    if (remainingMs <= 0) return { kind: 'timeout', phase: 'queue' };
    progress.phase = 'lease';
    const started = performance.now();
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), remainingMs);
    const signal = AbortSignal.any([stream.cancelled, deadline.signal]);
    try {
      const { versions, pool } = this.#options;
      const version = versions.peek(item.version) ?? (await versions.prepare(item.version));
      const body = item.body ?? (await stream.fetchBody(signal));
      const leased = await pool.lease(version, signal);
      const init = (leased.lease ?? leased).timings.init;
      progress.timings = {
        ...progress.timings,
        lease: performance.now() - started - (init ?? 0),
        ...(init === undefined ? {} : { init }),
      };
      if (leased.failure) return leased.failure;
      using lease = leased.lease;
      clearTimeout(timer); // from here on the sandbox watches the deadline
      return await this.#invoke(item, body, lease, stream, progress, info);
    } catch (error) {
      if (deadline.signal.aborted) return { kind: 'timeout', phase: progress.phase };
      if (stream.cancelled.aborted) return { kind: 'cancelled' };
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #invoke(
    item: LaneItem,
    body: Uint8Array,
    lease: SandboxLease,
    stream: ReplyStream,
    progress: Progress,
    info: () => StartInfo,
  ): Promise<InvocationOutcome> {
    const { id, functionName, version, head, deadlineMs } = item;
    progress.phase = 'run';
    progress.start = lease.start;
    const started = performance.now();
    const ran = () => {
      progress.timings = { ...progress.timings, run: performance.now() - started };
    };
    const running = lease.sandbox.invoke(
      { id, functionName, version, head, body, deadlineMs },
      {
        onHead: (responseHead) => {
          ran();
          stream.head(responseHead, info());
        },
        onChunk: (bytes) => stream.chunk(bytes),
        onLog: (line) => this.#options.logs.append({ ...line, functionName, invocationId: id }),
      },
    );
    const cancel = () => running.cancel();
    stream.onGrant((bytes) => running.grant(bytes));
    stream.cancelled.addEventListener('abort', cancel, { once: true });
    if (stream.cancelled.aborted) cancel();
    const outcome = await running.outcome;
    stream.cancelled.removeEventListener('abort', cancel);
    ran();
    return outcome;
  }

  /** Public callers are told little: the function's log says why an invocation failed. */
  #explain({ functionName, id }: LaneItem, result: InvocationOutcome | HostError): void {
    const text = result instanceof HostError ? undefined : explanation(result);
    if (text === undefined) return;
    const line = { timeMs: Date.now(), stream: 'stderr', text } as const;
    this.#options.logs.append({ ...line, functionName, invocationId: id });
  }

  #publish(item: LaneItem, result: InvocationOutcome | HostError, progress: Progress): void {
    const failed = result instanceof HostError;
    this.#options.facts.publish('invocation.completed', {
      invocationId: item.id,
      functionName: item.functionName,
      version: item.version,
      outcome: failed ? 'host_error' : result.kind,
      timings: progress.timings,
      acceptedMs: item.acceptedMs,
      ...(item.trace === undefined ? {} : { trace: item.trace }),
      ...(failed ? { reason: result.reason } : {}),
      ...(progress.start === undefined ? {} : { start: progress.start }),
    });
  }
}
