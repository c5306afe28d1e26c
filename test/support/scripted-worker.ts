import type { HostError } from '../../src/domain/errors.ts';
import type { InvocationId, NodeId } from '../../src/domain/ids.ts';
import type { BodyStream, InvocationOutcome, ResponseHead } from '../../src/domain/invocation.ts';
import type { LaneItem, LaneProducer } from '../../src/domain/lane.ts';
import type {
  NodeWatcher,
  PendingReply,
  ReplyListener,
  ReplyReceiver,
  StartInfo,
} from '../../src/domain/reply.ts';

/** One invocation as the worker in a test sees it. */
export class ScriptedInvocation {
  readonly item: LaneItem;
  readonly node: NodeId;
  /** From the lane or, a large one, by the direct connection. */
  readonly body: Buffer;
  /** In its place, where it is streamed. */
  readonly stream: BodyStream | undefined;
  readonly #listener: ReplyListener;
  /** How long it says that it ran. */
  runMs = 1.25;
  grantedBytes = 0;
  cancelled = false;

  constructor(
    item: LaneItem,
    node: NodeId,
    body: Uint8Array | BodyStream,
    listener: ReplyListener,
  ) {
    this.item = item;
    this.node = node;
    const isWhole = body instanceof Uint8Array;
    this.body = Buffer.from(isWhole ? body : []);
    this.stream = isWhole ? undefined : body;
    this.#listener = listener;
  }

  head(head: Partial<ResponseHead> = {}): void {
    this.#listener.onHead({ status: 200, headers: [], ...head }, this.#info);
  }

  chunk(bytes: string | Uint8Array): void {
    this.#listener.onChunk(Buffer.from(bytes));
  }

  end(result: InvocationOutcome | HostError = { kind: 'ok' }): void {
    this.#listener.onEnd(result, this.#info);
  }

  get #info(): StartInfo {
    return { node: 'node-1', start: 'warm', timings: { queue: 0.5, run: this.runMs } };
  }

  /** A small and complete answer, in one turn. */
  answer(body: string, head: Partial<ResponseHead> = {}): void {
    this.head(head);
    if (body !== '') this.chunk(body);
    this.end();
  }
}

type ExpectedBody = Uint8Array | BodyStream | undefined;

/** The lanes, the direct connections and the worker behind them, played by a test. */
export class ScriptedWorker implements LaneProducer, ReplyReceiver {
  readonly address = 'scripted';
  readonly invocations: ScriptedInvocation[] = [];
  /** What the worker does with an invocation; it may keep it for later. */
  script: (invocation: ScriptedInvocation) => void = (invocation) => invocation.answer('ok');
  /** What lies in the lane of a node that is lost. */
  readonly withdrawable: InvocationId[] = [];
  readonly givenUp: { readonly node: NodeId; readonly ids: readonly InvocationId[] }[] = [];
  watcher: NodeWatcher | undefined;
  /** Set: the queue takes nothing. */
  queueFailure: HostError | undefined;
  readonly #expected = new Map<
    InvocationId,
    { body: ExpectedBody; listener: ReplyListener; found?: ScriptedInvocation }
  >();

  /** The newest one. */
  get last(): ScriptedInvocation {
    const last = this.invocations.at(-1);
    if (!last) throw new Error('The worker was given no invocation.');
    return last;
  }

  expect(
    id: InvocationId,
    _node: NodeId,
    body: ExpectedBody,
    listener: ReplyListener,
  ): PendingReply {
    const expected: { body: ExpectedBody; listener: ReplyListener } & {
      found?: ScriptedInvocation;
    } = { body, listener };
    this.#expected.set(id, expected);
    return {
      grant: (bytes) => {
        if (expected.found) expected.found.grantedBytes += bytes;
      },
      cancel: () => {
        if (expected.found) expected.found.cancelled = true;
      },
    };
  }

  /** Gives what `withdrawable` has, once. */
  async withdraw(): Promise<readonly InvocationId[]> {
    return this.withdrawable.splice(0);
  }

  giveUp(node: NodeId, ids: ReadonlySet<InvocationId>): void {
    this.givenUp.push({ node, ids: [...ids] });
  }

  watch(watcher: NodeWatcher): void {
    this.watcher = watcher;
  }

  async enqueue(node: NodeId, item: LaneItem): Promise<void> {
    if (this.queueFailure) throw this.queueFailure;
    const expected = this.#expected.get(item.id);
    if (!expected) throw new Error('enqueued before it was expected');
    const body = item.body ?? expected.body ?? new Uint8Array(0);
    const invocation = new ScriptedInvocation(item, node, body, expected.listener);
    expected.found = invocation;
    this.invocations.push(invocation);
    setImmediate(() => this.script(invocation));
  }
}
