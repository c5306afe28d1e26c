import { HostError, toHostError } from '../domain/errors.ts';
import type { FactPublisher } from '../domain/facts.ts';
import type { Digest, InvocationId, NodeId } from '../domain/ids.ts';
import type {
  InvocationOutcome,
  InvocationRequest,
  LatePhase,
  LeaseSteps,
  PhaseTimings,
  RequestHead,
  StartKind,
} from '../domain/invocation.ts';
import type { InvocationSource } from '../domain/invocation-record.ts';
import { usualIdleTimeoutMs } from '../domain/limits.ts';
import type { LogStore } from '../domain/log.ts';
import type { Logger } from '../domain/logger.ts';
import type { ProgressListener } from '../domain/event-queue.ts';
import type { SandboxLease, SandboxLender } from '../domain/pool.ts';
import type { ReplyStream, StartInfo } from '../domain/reply.ts';
import type { PreparedVersion } from '../domain/version.ts';
import type { TraceContext } from '../domain/trace.ts';
import { explanation } from './explanation.ts';
import type { VersionCache } from './version-cache.ts';
import { wholeBody } from './whole-body.ts';

export interface InvocationRunnerOptions {
  readonly node: NodeId;
  readonly versions: VersionCache;
  readonly pool: SandboxLender;
  readonly logs: Pick<LogStore, 'append'>;
  readonly facts: FactPublisher;
  readonly logger: Logger;
}

/** One invocation that is to run on this node. Times are epoch milliseconds. */
export interface RunRequest {
  readonly id: InvocationId;
  readonly functionName: string;
  readonly version: Digest;
  readonly head: RequestHead;
  /** The id of the key that calls; absent where anyone may call, or the host does. */
  readonly caller?: string;
  /** `undefined`: the reply stream fetches it. */
  readonly body: Uint8Array | undefined;
  readonly acceptedMs: number;
  /** Until when it may wait for a sandbox. */
  readonly leaseUntilMs: number;
  /** Asked once it has a sandbox: until when it may run. */
  readonly deadlineMs: () => number;
  readonly trace?: TraceContext;
  /** Absent: a caller waits for the answer. */
  readonly source?: InvocationSource;
  readonly onProgress?: ProgressListener;
}

const nothing = new Uint8Array(0);

/** One invocation's own account of where it is and how long each phase took. */
interface Progress {
  phase: LatePhase;
  start?: StartKind;
  status?: number;
  timings: PhaseTimings;
  steps?: LeaseSteps;
}

/**
 * Runs one invocation on this node: prepares the version, leases a sandbox, lets it answer straight
 * into the reply stream, gives the sandbox back.
 */
export class InvocationRunner {
  readonly #options: InvocationRunnerOptions;
  /** Known not to take streams, so that no sandbox has to wait for a body that is still on its way. */
  readonly #takeNoStreams = new WeakSet<PreparedVersion>();
  #running = 0;

  constructor(options: InvocationRunnerOptions) {
    this.#options = options;
  }

  /** How many have not ended. */
  get running(): number {
    return this.#running;
  }

  /** Never rejects: it ends in exactly one end of the stream. */
  async run(request: RunRequest, stream: ReplyStream): Promise<void> {
    this.#running += 1;
    await this.#run(request, stream);
    this.#running -= 1;
  }

  async #run(request: RunRequest, stream: ReplyStream): Promise<void> {
    const progress: Progress = {
      phase: 'queue',
      timings: { queue: Math.max(0, Date.now() - request.acceptedMs) },
    };
    const info = (): StartInfo => ({
      node: this.#options.node,
      timings: progress.timings,
      ...(progress.start === undefined ? {} : { start: progress.start }),
    });
    using holds = new DisposableStack(); // the sandbox, until the answer has gone
    let result: InvocationOutcome | HostError;
    try {
      result = await this.#lease(request, stream, progress, info, holds);
    } catch (error) {
      result = toHostError(error);
      if (result.code === 'internal') {
        this.#options.logger.error({ invocationId: request.id, error }, 'an invocation failed');
      }
    }
    this.#explain(request, result);
    stream.end(result, info());
    this.#publish(request, result, progress);
  }

  async #lease(
    request: RunRequest,
    stream: ReplyStream,
    progress: Progress,
    info: () => StartInfo,
    holds: DisposableStack,
  ): Promise<InvocationOutcome> {
    const remainingMs = request.leaseUntilMs - Date.now();
    if (remainingMs <= 0) return { kind: 'timeout', phase: 'queue' };
    progress.phase = 'lease';
    const started = performance.now();
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), remainingMs);
    const signal = AbortSignal.any([stream.cancelled, deadline.signal]);
    try {
      const { versions, pool } = this.#options;
      const known = versions.peek(request.version);
      const version = known ?? (await versions.prepare(request.version));
      const image = known ? {} : { image: performance.now() - started };
      const whole = async () => {
        if (request.head.upgrade !== undefined) return nothing; // it has no end
        progress.phase = 'body';
        const body = await wholeBody(request.head, stream.openBody(), signal);
        progress.phase = 'lease';
        return body;
      };
      let body = request.body;
      if (!body && this.#takeNoStreams.has(version)) body = await whole();
      const leased = await pool.lease(version, request.caller, signal);
      const { init, steps } = (leased.lease ?? leased).timings;
      if (steps || !known) progress.steps = { ...image, ...steps };
      progress.timings = {
        ...progress.timings,
        lease: performance.now() - started - (init ?? 0),
        ...(init === undefined ? {} : { init }),
      };
      if (leased.failure) return leased.failure;
      const lease = holds.use(leased.lease);
      if (!body && !lease.sandbox.takesStreams) {
        this.#takeNoStreams.add(version);
        body = await whole();
      }
      clearTimeout(timer); // from here on the sandbox watches the deadline
      const { idleTimeoutMs = usualIdleTimeoutMs } = version.spec;
      const content = {
        ...(body ? { body } : { body: nothing, stream: stream.openBody() }),
        idleTimeoutMs,
      };
      return await this.#invoke(request, content, lease, stream, progress, info);
    } catch (error) {
      if (deadline.signal.aborted) return { kind: 'timeout', phase: progress.phase };
      if (stream.cancelled.aborted) return { kind: 'cancelled' };
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #invoke(
    request: RunRequest,
    content: Pick<InvocationRequest, 'body' | 'stream' | 'idleTimeoutMs'>,
    lease: SandboxLease,
    stream: ReplyStream,
    progress: Progress,
    info: () => StartInfo,
  ): Promise<InvocationOutcome> {
    const { id, functionName, version, head, deadlineMs, onProgress } = request;
    progress.phase = 'run';
    progress.start = lease.start;
    const started = performance.now();
    const ran = () => {
      progress.timings = { ...progress.timings, run: performance.now() - started };
    };
    const running = lease.sandbox.invoke(
      { id, functionName, version, head, ...content, deadlineMs: deadlineMs() },
      {
        onHead: (responseHead) => {
          ran();
          progress.status = responseHead.status;
          stream.head(responseHead, info());
        },
        onChunk: (bytes) => stream.chunk(bytes),
        onLog: (line) => this.#options.logs.append({ ...line, functionName, invocationId: id }),
        ...(onProgress ? { onProgress } : {}),
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
  #explain({ functionName, id }: RunRequest, result: InvocationOutcome | HostError): void {
    const text = result instanceof HostError ? undefined : explanation(result);
    if (text === undefined) return;
    const line = { timeMs: Date.now(), stream: 'stderr', text } as const;
    this.#options.logs.append({ ...line, functionName, invocationId: id });
  }

  #publish(
    { id, functionName, version, acceptedMs, trace, source, head }: RunRequest,
    result: InvocationOutcome | HostError,
    progress: Progress,
  ): void {
    const failed = result instanceof HostError;
    this.#options.facts.publish('invocation.completed', {
      invocationId: id,
      functionName,
      version,
      outcome: failed ? 'host_error' : result.kind,
      timings: progress.timings,
      acceptedMs,
      ...(trace === undefined ? {} : { trace }),
      ...(source === undefined ? {} : { source }),
      ...(head.queue ? { queue: head.queue.name } : {}),
      ...(head.callDepth ? { callDepth: head.callDepth } : {}),
      ...(failed ? { reason: result.reason } : {}),
      ...(progress.start === undefined ? {} : { start: progress.start }),
      ...(progress.steps ? { steps: progress.steps } : {}),
      ...(progress.status === undefined ? {} : { status: progress.status }),
    });
  }
}
