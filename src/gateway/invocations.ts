import { toHostError, HostError } from '../domain/errors.ts';
import type { FunctionSpec, FunctionVersion } from '../domain/function.ts';
import type { InvocationId, NodeId } from '../domain/ids.ts';
import type { BodyStream, RequestHead } from '../domain/invocation.ts';
import type { LaneProducer } from '../domain/lane.ts';
import { laneBodyLimitBytes } from '../domain/limits.ts';
import type { NodeDirectory, NodeInfo } from '../domain/node.ts';
import type { ReplyListener, ReplyReceiver } from '../domain/reply.ts';
import type { TraceContext } from '../domain/trace.ts';
import type { InvocationAnswer } from './invocation-answer.ts';

/** How long after the deadline a worker's own word is waited for: its reason is the better one. */
const silenceGraceMs = 1_000;

export interface InvocationsOptions {
  readonly nodes: NodeDirectory;
  /** Which of the nodes is to run the function; undefined when there is none. */
  readonly place: (spec: FunctionSpec, nodes: readonly NodeInfo[]) => NodeId | undefined;
  readonly lane: LaneProducer;
  readonly replies: ReplyReceiver;
}

export interface AcceptedInvocation {
  readonly id: InvocationId;
  readonly version: FunctionVersion;
  readonly head: RequestHead;
  /** The id of the key that calls. */
  readonly caller: string | undefined;
  readonly body: Uint8Array;
  /** In place of the body, where that is too long to be held. */
  readonly stream?: BodyStream | undefined;
  readonly trace: TraceContext | undefined;
}

/** Sends invocations to worker nodes; what becomes of each is told to its answer. */
export class Invocations {
  readonly #options: InvocationsOptions;

  constructor(options: InvocationsOptions) {
    this.#options = options;
  }

  /** Never throws: every failure ends the answer. What the worker replies goes to the listener. */
  start(
    { id, version, head, caller, body, stream, trace }: AcceptedInvocation,
    answer: InvocationAnswer,
    listener: ReplyListener = answer,
  ): void {
    const { nodes, place, lane, replies } = this.#options;
    const { name: functionName, timeoutMs } = version.spec;
    const node = place(version.spec, nodes.live());
    if (node === undefined) return answer.fail(noNodes());
    const acceptedMs = Date.now();
    const fitsLane = !stream && body.byteLength <= laneBodyLimitBytes;
    try {
      const pending = replies.expect(id, node, fitsLane ? undefined : (stream ?? body), listener);
      answer.follow(pending, timeoutMs + silenceGraceMs);
      const enqueued = lane.enqueue(node, {
        id,
        functionName,
        version: version.digest,
        head,
        ...(caller === undefined ? {} : { caller }),
        body: fitsLane ? body : undefined,
        acceptedMs,
        deadlineMs: acceptedMs + timeoutMs,
        replyTo: replies.address,
        ...(trace ? { trace } : {}),
      });
      enqueued.catch((error: unknown) => answer.fail(toHostError(error)));
    } catch (error) {
      answer.fail(toHostError(error));
    }
  }
}

export const noNodes = (): HostError =>
  new HostError(
    'unavailable',
    'gateway.no_nodes',
    'There is no worker node to run functions; start one, or try again in a moment.',
    { retryAfterMs: 1_000 },
  );
