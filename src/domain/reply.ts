import type { InvocationId, NodeId } from './ids.ts';
import type {
  BodyStream,
  InvocationOutcome,
  PhaseTimings,
  ResponseHead,
  StartKind,
} from './invocation.ts';
import type { HostError } from './errors.ts';

/** How a worker came to run an invocation; sent with the head, or with the end if there was none. */
export interface StartInfo {
  readonly node: NodeId;
  /** Absent when no sandbox was reached. */
  readonly start?: StartKind;
  readonly timings: PhaseTimings;
}

/** What a gateway is told about one invocation, in order: at most one head, chunks, one end. */
export interface ReplyListener {
  onHead(head: ResponseHead, info: StartInfo): void;
  onChunk(bytes: Uint8Array): void;
  /** The function's end, or the host's own failure (also `unavailable` when the worker is lost). */
  onEnd(result: InvocationOutcome | HostError, info: StartInfo): void;
}

export interface PendingReply {
  /** Lets the worker send so many bytes more than `responseWindowBytes` and earlier grants. */
  grant(bytes: number): void;
  /** The caller is gone: tells the worker; the listener hears nothing more. Idempotent. */
  cancel(): void;
}

/** The gateway's end of the direct connections that workers open to it. */
export interface ReplyReceiver {
  /** What goes into `LaneItem.replyTo`; known once started. */
  readonly address: string;
  /**
   * Call before the item is enqueued. `body` is what the worker may fetch, if it did not travel
   * in the lane: a stream is read no faster than the worker takes it, and when it fails so does the
   * invocation. What a node has spoken of ends `unavailable` when its connection breaks.
   */
  expect(
    id: InvocationId,
    node: NodeId,
    body: Uint8Array | BodyStream | undefined,
    listener: ReplyListener,
  ): PendingReply;
  /**
   * The node is lost: what of these is expected of it still, and was not taken back from its lane,
   * ends `unavailable`. Nothing is done where it is connected: it can answer still.
   */
  giveUp(node: NodeId, ids: ReadonlySet<InvocationId>): void;
  /** One watcher. */
  watch(watcher: NodeWatcher): void;
}

export interface NodeWatcher {
  onConnected(node: NodeId): void;
  /** Its connection broke: it is dead, or cut off, or stopping. */
  onLost(node: NodeId): void;
}

/** One invocation's way back, at the worker's end. Calls after `end` are harmless. */
export interface ReplyStream {
  head(head: ResponseHead, info: StartInfo): void;
  chunk(bytes: Uint8Array): void;
  end(result: InvocationOutcome | HostError, info: StartInfo): void;
  /** The request's body, where it did not travel in the lane. It fails when the caller is gone. Once. */
  openBody(): BodyStream;
  /** Called with each grant of the gateway's. One listener. */
  onGrant(listener: (bytes: number) => void): void;
  /** Aborts when the caller is gone, or the gateway is. */
  readonly cancelled: AbortSignal;
}

/** The worker's end. Connections are opened on first use and shared by all that go to an address. */
export interface ReplySender {
  open(replyTo: string, id: InvocationId): ReplyStream;
}
