import type { ServerResponse } from 'node:http';
import { HostError } from '../domain/errors.ts';
import type { FactPublisher } from '../domain/facts.ts';
import type { InvocationId } from '../domain/ids.ts';
import { upgradedStatus, type InvocationOutcome, type ResponseHead } from '../domain/invocation.ts';
import { responseWindowBytes } from '../domain/limits.ts';
import type { Logger } from '../domain/logger.ts';
import type { TraceContext } from '../domain/trace.ts';
import type { PendingReply, ReplyListener, StartInfo } from '../domain/reply.ts';
import type { AnswerWording, WordedAnswer } from './answer-wording.ts';
import {
  failureAnswer,
  headless,
  hostErrorAnswer,
  workerSilent,
  type ErrorAnswer,
} from './error-answer.ts';
import { lingerOver } from './lingering-close.ts';
import { checkHead, type CheckedHead } from './response-head.ts';
import { serverTiming } from './server-timing.ts';
import type { FunctionFailure } from './status-map.ts';
import { UpgradedConnection } from './upgraded-connection.ts';

/** A function whose caller has left a connection with another protocol may still end by itself. */
const leaveLimitMs = 5_000;

/** Grants are saved up to this, so that a stream of small chunks does not send one for each. */
const grantStepBytes = responseWindowBytes / 4;

export interface InvocationAnswerOptions {
  readonly id: InvocationId;
  readonly functionName: string;
  readonly response: ServerResponse;
  readonly wording: AnswerWording;
  /** What the request's path looks like, for traces. */
  readonly route: string;
  /** Shows what went wrong inside the function. */
  readonly details: boolean;
  /** It may be answered with another protocol. */
  readonly isUpgrade: boolean;
  readonly trace: TraceContext | undefined;
  readonly facts: FactPublisher;
  /** The server is about to stop: connections are not to be used again. */
  readonly isStopping: () => boolean;
  readonly logger: Logger;
}

/**
 * Writes what a worker replies into one HTTP answer, at the speed at which the caller takes it.
 *
 * An answer that comes in one turn of the event loop (small and complete: nearly all) is one write
 * with its length; any other is streamed. A failure after the head is on its way can only be told
 * by breaking the connection off.
 */
export class InvocationAnswer implements ReplyListener {
  readonly #options: InvocationAnswerOptions;
  readonly #response: ServerResponse;
  #id: InvocationId;
  readonly #receivedMs = Date.now();
  readonly #started = performance.now();
  #status = 0;
  #reason: string | undefined;
  #pending: PendingReply | undefined;
  #backstop: NodeJS.Timeout | undefined;
  #head: CheckedHead | undefined;
  #info: StartInfo | undefined;
  #connection: UpgradedConnection | undefined;
  #chunks: Uint8Array[] = [];
  #streaming = false;
  #ended = false;
  #owedBytes = 0;
  #onGone: () => void = () => {};

  constructor(options: InvocationAnswerOptions) {
    this.#options = options;
    this.#id = options.id;
    this.#response = options.response;
    this.#response.once('close', () => this.#onClose());
  }

  /** The caller has left, or has its answer. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The answer is that of an earlier invocation, or of what stands for it. */
  standFor(id: InvocationId): void {
    this.#id = id;
  }

  /** Called when it ends without waiting for the worker: the caller has left, or nothing came. */
  onGone(listener: () => void): void {
    this.#onGone = listener;
  }

  /** What to do with the worker's end from here on; after `giveUpMs` of silence it is given up. */
  follow(pending: PendingReply, giveUpMs: number): void {
    this.#pending = pending;
    clearTimeout(this.#backstop); // of the node that had it before
    this.#backstop = setTimeout(() => this.fail(workerSilent()), giveUpMs);
  }

  onHead(head: ResponseHead, info: StartInfo): void {
    if (this.#ended) return;
    this.#info = info;
    const checked = checkHead(head, this.#options.isUpgrade);
    if (typeof checked === 'string') {
      this.#pending?.cancel();
      this.#sendFailure({ kind: 'invalid_response', problem: checked });
      return;
    }
    if (checked.status === upgradedStatus) return this.#upgrade(checked);
    this.#head = checked;
    queueMicrotask(() => this.#stream());
  }

  onChunk(bytes: Uint8Array): void {
    if (this.#ended) return;
    if (this.#connection) this.#connection.write(bytes);
    else if (this.#streaming) this.#write(bytes);
    else this.#chunks.push(bytes);
  }

  onEnd(result: InvocationOutcome | HostError, info: StartInfo): void {
    if (this.#ended) return;
    this.#info ??= info;
    if (this.#connection) {
      this.#release();
      return this.#connection.end();
    }
    if (result instanceof HostError) this.#sendError(result);
    else if (result.kind !== 'ok') this.#sendFailure(result);
    else if (this.#streaming) this.#end();
    else if (this.#head) this.#sendWhole(this.#head);
    else this.#sendError(headless());
  }

  /** Ends with an error of the host's, at the worker too. Harmless when already over. */
  fail(error: HostError): void {
    if (this.#ended) return;
    this.#pending?.cancel();
    this.#onGone();
    this.#sendError(error);
  }

  /** It is queued, and will be run: where the caller learns what became of it. */
  accepted(): void {
    if (this.#ended) return;
    this.#sendWorded(this.#options.wording.accepted(this.#id));
  }

  /**
   * So many bytes of the worker's were taken other than by `onChunk`; below zero: what `onChunk` is
   * given was not all the worker's.
   */
  took(bytes: number): void {
    this.#owedBytes += bytes;
    this.#grant(grantStepBytes);
  }

  #sendWhole(head: CheckedHead): void {
    const [first, ...others] = this.#chunks;
    const body = first && others.length > 0 ? Buffer.concat(this.#chunks) : first;
    this.#writeHead(head, body?.byteLength ?? 0);
    this.#end(body);
  }

  /** From here on the connection speaks another protocol. Its time is up when nothing moves on it. */
  #upgrade(head: CheckedHead): void {
    const { socket } = this.#response;
    if (!socket || !this.#pending) return;
    clearTimeout(this.#backstop);
    this.#connection = new UpgradedConnection(socket, this.#pending);
    this.#writeHead(head);
    this.#response.flushHeaders();
  }

  /** The end has not come together with the head. */
  #stream(): void {
    if (this.#ended || !this.#head) return;
    this.#streaming = true;
    this.#response.on('drain', () => this.#grant(1));
    // The end of the answer may come before that of the request: see `lingerOver`.
    if (!this.#response.req.complete) this.#response.shouldKeepAlive = true;
    this.#writeHead(this.#head);
    if (this.#chunks.length === 0) this.#response.flushHeaders();
    for (const chunk of this.#chunks) this.#write(chunk);
    this.#chunks = [];
  }

  #write(bytes: Uint8Array): void {
    this.#owedBytes += bytes.byteLength;
    if (this.#response.write(bytes)) this.#grant(grantStepBytes);
  }

  /** INVARIANT: bytes that the caller has not taken from us are not granted again. */
  #grant(leastBytes: number): void {
    if (this.#ended || this.#owedBytes < leastBytes) return;
    this.#pending?.grant(this.#owedBytes);
    this.#owedBytes = 0;
  }

  #writeHead({ status, headers, declaredLength }: CheckedHead, length?: number): void {
    const isHead = this.#response.req.method === 'HEAD';
    const flat = [...headers, ...this.#ownHeaders()];
    if (isHead && declaredLength !== undefined && /^\d+$/.test(declaredLength)) {
      flat.push('content-length', declaredLength);
    } else if (length !== undefined && status !== 204 && status !== 304) {
      flat.push('content-length', String(length));
    }
    this.#status = status;
    this.#response.writeHead(status, flat);
  }

  #sendFailure(failure: FunctionFailure): void {
    this.#sendErrorAnswer(failureAnswer(failure, this.#options.details));
  }

  #sendError(error: HostError): void {
    const { id, functionName, logger } = this.#options;
    if (error.code === 'internal') {
      logger.error({ error, invocationId: id, functionName }, 'An invocation failed.');
    }
    this.#reason = error.reason;
    this.#sendErrorAnswer(hostErrorAnswer(error, `invocation ${id}`));
  }

  #sendErrorAnswer(error: ErrorAnswer): void {
    if (this.#streaming) {
      this.#release();
      this.#response.destroy();
      return;
    }
    const { trace, wording } = this.#options;
    this.#sendWorded(wording.failed(error, this.#id, trace?.traceId));
  }

  #sendWorded({ status, headers, text }: WordedAnswer): void {
    const named = { ...headers, 'content-length': String(Buffer.byteLength(text)) };
    this.#status = status;
    this.#response.writeHead(status, [...Object.entries(named).flat(), ...this.#ownHeaders()]);
    this.#end(text);
  }

  #ownHeaders(): string[] {
    const headers = ['x-hearth-invocation-id', this.#id];
    if (this.#info?.start) headers.push('x-hearth-start', this.#info.start);
    if (this.#info) headers.push('server-timing', serverTiming(this.#info.timings));
    if (this.#options.isStopping()) headers.push('connection', 'close');
    return headers;
  }

  #end(last?: Uint8Array | string): void {
    this.#release();
    const { req } = this.#response;
    if (req.complete) return void this.#response.end(last);
    // The caller still sends. By its length it knows a whole answer, by its end a streamed one.
    if (last !== undefined) this.#response.write(last);
    else this.#response.end();
    lingerOver(req, () => this.#response.end());
  }

  #onClose(): void {
    if (this.#ended) return;
    if (this.#connection) this.#backstop = setTimeout(() => this.#leave(), leaveLimitMs);
    else this.#leave();
  }

  #leave(): void {
    this.#status = 499;
    this.#release();
    this.#pending?.cancel();
    this.#onGone();
    const { id, functionName, logger } = this.#options;
    logger.info({ invocationId: id, functionName, status: 499 }, 'The caller left.');
  }

  #release(): void {
    this.#ended = true;
    this.#chunks = [];
    clearTimeout(this.#backstop);
    this.#publish();
  }

  #publish(): void {
    const { id, functionName, route, trace, facts } = this.#options;
    facts.publish('http.answered', {
      invocationId: id,
      functionName: functionName.slice(0, 80), // of an unknown function it is the caller's word
      route: route.slice(0, 120),
      method: this.#response.req.method ?? '',
      status: this.#status,
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
      receivedMs: this.#receivedMs,
      durationMs: performance.now() - this.#started,
      ...(trace ? { trace } : {}),
    });
  }
}
