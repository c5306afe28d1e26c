import type { Digest, InvocationId, NodeId } from './ids.ts';
import type { RequestHead } from './invocation.ts';
import type { TraceContext } from './trace.ts';

/** One synchronous invocation on its way to a worker node. Plain JSON but for the body. */
export interface LaneItem {
  readonly id: InvocationId;
  readonly functionName: string;
  readonly version: Digest;
  readonly head: RequestHead;
  /** The id of the key that calls; absent where anyone may call, or the host does. */
  readonly caller?: string;
  /** `undefined`: over `laneBodyLimitBytes`, or not all there; fetch it over the direct connection. */
  readonly body: Uint8Array | undefined;
  /** Epoch milliseconds. */
  readonly acceptedMs: number;
  readonly deadlineMs: number;
  /** Address of the gateway's ReplyReceiver. */
  readonly replyTo: string;
  readonly trace?: TraceContext;
}

/** The gateway's end of the lanes. Items may overtake one another: callers wait for answers. */
export interface LaneProducer {
  /** Resolves when the queue has the item. @throws HostError `unavailable` when it cannot. */
  enqueue(node: NodeId, item: LaneItem): Promise<void>;
  /**
   * Takes back what this gateway has put on the node's lane and nobody has taken. None of it will be
   * run there, whoever comes back. @throws HostError `unavailable`.
   */
  withdraw(node: NodeId): Promise<readonly InvocationId[]>;
}

/** The worker's end of its lane: every item is handed over at most once, ever. */
export type LaneHandler = (items: readonly LaneItem[]) => void;
