import { toHostError, HostError } from '../domain/errors.ts';
import type { FunctionSpec, FunctionVersion } from '../domain/function.ts';
import type { InvocationId, NodeId } from '../domain/ids.ts';
import type { BodyStream, InvocationOutcome, RequestHead } from '../domain/invocation.ts';
import type { LaneProducer } from '../domain/lane.ts';
import { laneBodyLimitBytes } from '../domain/limits.ts';
import type { Logger } from '../domain/logger.ts';
import type { NodeDirectory, PlaceInvocation } from '../domain/node.ts';
import type { ReplyListener, ReplyReceiver } from '../domain/reply.ts';
import type { TraceContext } from '../domain/trace.ts';
import { refusedForMs, slotsOn } from './admission-policy.ts';
import { InFlightCounts } from './in-flight-counts.ts';
import type { InvocationAnswer } from './invocation-answer.ts';
import { UnreachableNodes } from './unreachable-nodes.ts';
import { VersionLoads } from './version-loads.ts';

/** How long after the deadline a worker's own word is waited for: its reason is the better one. */
const silenceGraceMs = 1_000;

/** With these words a worker sends away what it has not begun: another one may run it. */
const notBegun: ReadonlySet<string> = new Set([
  'pool.exhausted',
  'pool.too_large',
  'worker.stopping',
]);

export interface InvocationsOptions {
  readonly nodes: NodeDirectory;
  readonly place: PlaceInvocation;
  readonly lane: LaneProducer;
  readonly replies: ReplyReceiver;
  readonly logger: Logger;
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

/** One that has been accepted and not answered. */
interface Flight {
  readonly invocation: AcceptedInvocation;
  readonly answer: InvocationAnswer;
  readonly listener: ReplyListener;
  readonly acceptedMs: number;
  readonly deadlineMs: number;
  /** Nodes that sent it away. */
  readonly refusedBy: NodeId[];
  node?: NodeId;
}

/**
 * Sends invocations to worker nodes; what becomes of each is told to its answer.
 *
 * INVARIANT: an invocation goes to another node only when no node has begun it: the one that had it
 * sent it away, or was lost while the item still lay in its lane, from which it was taken back.
 */
export class Invocations {
  readonly #options: InvocationsOptions;
  readonly #inFlight = new InFlightCounts();
  readonly #loads = new VersionLoads();
  readonly #unreachable = new UnreachableNodes();
  readonly #flights = new Map<InvocationId, Flight>();

  constructor(options: InvocationsOptions) {
    this.#options = options;
    options.replies.watch({
      onConnected: (node) => this.#unreachable.delete(node),
      onLost: (node) => {
        this.#unreachable.add(node);
        void this.recover(node);
      },
    });
  }

  /** Never throws: every failure ends the answer. What the worker replies goes to the listener. */
  start(
    invocation: AcceptedInvocation,
    answer: InvocationAnswer,
    listener: ReplyListener = answer,
  ): void {
    const refused = this.#refusal(invocation.version);
    if (refused) return answer.fail(refused);
    const acceptedMs = Date.now();
    const deadlineMs = acceptedMs + invocation.version.spec.timeoutMs;
    const flight: Flight = {
      invocation,
      answer,
      listener,
      acceptedMs,
      deadlineMs,
      refusedBy: [],
    };
    if (!this.#send(flight)) answer.fail(noNodes());
  }

  /**
   * A node is gone: what it had not taken goes to others. What it may have begun ends, unless it is
   * still connected and can answer: then Redis alone does not see it.
   */
  async recover(node: NodeId): Promise<void> {
    const { lane, replies, logger } = this.#options;
    // What is sent there from now on is not lost: it lies in the lane, and the node may be back.
    const lost = this.#idsAt(node);
    try {
      const ids = await lane.withdraw(node);
      for (const id of ids) {
        lost.delete(id);
        this.#sendAgain(id, node);
      }
      if (ids.length > 0) logger.info({ node, count: ids.length }, 'Taken back from a lost node.');
    } catch (error) {
      logger.warn({ error, node }, 'What waits for a lost node could not be taken back.');
    }
    replies.giveUp(node, lost);
  }

  #idsAt(node: NodeId): Set<InvocationId> {
    const flights = [...this.#flights].filter(([, flight]) => flight.node === node);
    return new Set(flights.map(([id]) => id));
  }

  /** What could not begin before its deadline is not sent: it is to try elsewhere, or later. */
  #refusal(version: FunctionVersion): HostError | undefined {
    const { spec } = version;
    const slots = slotsOn(this.#options.nodes.live(), spec);
    const retryAfterMs = refusedForMs(this.#loads.of(version), slots, spec.timeoutMs);
    return retryAfterMs === undefined ? undefined : backlog(spec, retryAfterMs);
  }

  #sendAgain(id: InvocationId, from: NodeId): void {
    const flight = this.#flights.get(id);
    if (flight?.node !== from) return;
    this.#leave(flight);
    if (!this.#send(flight)) flight.answer.fail(noNodes());
  }

  /** False: there is no node for it. */
  #send(flight: Flight): boolean {
    const { lane, replies } = this.#options;
    const { invocation, answer, acceptedMs, deadlineMs } = flight;
    const { id, version, head, caller, body, stream, trace } = invocation;
    const node = this.#placeOf(flight);
    if (node === undefined) return false;
    flight.node = node;
    this.#flights.set(id, flight);
    this.#inFlight.add(node, version.spec);
    this.#loads.add(version);
    const fail = (error: unknown): void => {
      this.#leave(flight); // also where the answer is over, or there is nothing yet to cancel
      answer.fail(toHostError(error));
    };
    const fitsLane = !stream && body.byteLength <= laneBodyLimitBytes;
    try {
      const fetched = fitsLane ? undefined : (stream ?? body);
      const pending = replies.expect(id, node, fetched, this.#heard(flight));
      const cancel = () => {
        this.#leave(flight);
        pending.cancel();
      };
      const giveUpMs = deadlineMs - Date.now() + silenceGraceMs;
      answer.follow({ grant: (bytes) => pending.grant(bytes), cancel }, giveUpMs);
      const enqueued = lane.enqueue(node, {
        id,
        functionName: version.spec.name,
        version: version.digest,
        head,
        ...(caller === undefined ? {} : { caller }),
        body: fitsLane ? body : undefined,
        acceptedMs,
        deadlineMs,
        replyTo: replies.address,
        ...(trace ? { trace } : {}),
      });
      enqueued.catch(fail);
    } catch (error) {
      fail(error);
    }
    return true;
  }

  #placeOf({ invocation, refusedBy }: Flight): NodeId | undefined {
    const { nodes, place } = this.#options;
    const { spec } = invocation.version;
    const live = nodes.live();
    const open = refusedBy.length === 0 ? live : live.filter(({ id }) => !refusedBy.includes(id));
    const reachable = this.#unreachable.without(open);
    const chosen = place(spec, reachable, this.#inFlight.on);
    return chosen ?? (reachable === open ? undefined : place(spec, open, this.#inFlight.on));
  }

  #heard(flight: Flight): ReplyListener {
    const { listener, invocation } = flight;
    return {
      onHead: (head, info) => listener.onHead(head, info),
      onChunk: (bytes) => listener.onChunk(bytes),
      onEnd: (result, info) => {
        const { run } = info.timings;
        if (run !== undefined) this.#loads.ran(invocation.version, run);
        this.#leave(flight);
        if (!this.#sendElsewhere(flight, result)) listener.onEnd(result, info);
      },
    };
  }

  #sendElsewhere(flight: Flight, result: InvocationOutcome | HostError): boolean {
    if (!(result instanceof HostError) || !notBegun.has(result.reason)) return false;
    if (flight.node === undefined || Date.now() >= flight.deadlineMs) return false;
    if (flight.invocation.stream) return false; // it can be read once
    flight.refusedBy.push(flight.node);
    return this.#send(flight);
  }

  /** It is at its node no longer. */
  #leave(flight: Flight): void {
    const { id, version } = flight.invocation;
    if (this.#flights.get(id) !== flight || flight.node === undefined) return;
    this.#flights.delete(id);
    this.#inFlight.remove(flight.node, version.spec);
    this.#loads.remove(version);
  }
}

const backlog = ({ name, timeoutMs }: FunctionSpec, retryAfterMs: number): HostError =>
  new HostError(
    'throttled',
    'gateway.backlog',
    `So many invocations of "${name}" wait that this one could not begin within its timeout of ${timeoutMs} ms; try again later, or raise scaling.max, concurrency or timeout.`,
    { retryAfterMs },
  );

export const noNodes = (): HostError =>
  new HostError(
    'unavailable',
    'gateway.no_nodes',
    'There is no worker node that may run this; start or uncordon one, or try again in a moment.',
    { retryAfterMs: 1_000 },
  );
