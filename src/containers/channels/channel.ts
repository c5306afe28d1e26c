import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { BodyStream, FunctionError, InvocationRequest } from '../../domain/invocation.ts';
import { logLimitBytes, requestWindowBytes, responseWindowBytes } from '../../domain/limits.ts';
import type { ResponseListener } from '../../domain/sandbox.ts';
import type {
  ChannelEvents,
  ChannelInvocation,
  InitMessage,
  SandboxChannel,
} from '../../domain/sandbox-channel.ts';
import { FrameDecoder, FrameError } from '../../lib/frames.ts';
import { WindowSender } from '../../lib/window-sender.ts';
import {
  bodyEndFrame,
  bodyFrame,
  channelIdBytes,
  compiledFrame,
  grantFrame,
  initFrame,
  invokeFrame,
  protocolVersion,
  progressLimitBytes,
  responseBodyLimitBytes,
  sandboxFrameLimitBytes,
  splitHead,
  toHost,
} from './channel-frames.ts';
import {
  parseFunctionError,
  parseObject,
  parseResponseHead,
  ProtocolViolation,
} from './hostile-json.ts';
import { LogLines } from '../log-lines.ts';

interface Exchange {
  readonly listener: ResponseListener;
  readonly settle: (error: FunctionError | undefined) => void;
  readonly log: LogLines;
  headSeen: boolean;
  windowBytes: number;
  /** The request's body, where it is streamed. */
  body?: WindowSender;
}

/**
 * The host's end of the native channel (runtime/PROTOCOL.md): one state machine that takes every
 * byte from the sandbox for hostile. It knows nothing of deadlines or processes.
 */
export class Channel implements SandboxChannel {
  readonly endsWhatIsClosed = false;
  #takesStreams = false;
  readonly #socket: Duplex;
  readonly #events: ChannelEvents;
  readonly #exchanges = new Map<string, Exchange>();
  /** Given up, but perhaps still answered. */
  readonly #givenUp = new Set<string>();
  #state: 'booting' | 'booted' | 'loading' | 'ready' | 'closed' = 'booting';

  constructor(socket: Duplex, events: ChannelEvents) {
    this.#socket = socket;
    this.#events = events;
    const decoder = new FrameDecoder(sandboxFrameLimitBytes, (type, payload) =>
      this.#receive(type, payload),
    );
    socket.on('data', (chunk: Buffer) => {
      if (this.#state === 'closed') return;
      try {
        decoder.push(chunk);
      } catch (error) {
        this.#violate(error);
      }
    });
    socket.on('error', () => {}); // the process's end tells; a broken pipe has nothing to add
  }

  get takesStreams(): boolean {
    return this.#takesStreams;
  }

  init({ compiled, ...message }: InitMessage): void {
    this.#state = 'loading';
    if (compiled) this.#socket.write(compiledFrame(compiled));
    this.#socket.write(initFrame(message));
  }

  invoke(
    request: InvocationRequest,
    listener: ResponseListener,
    settle: (error: FunctionError | undefined) => void,
  ): ChannelInvocation {
    const id = randomBytes(channelIdBytes);
    const key = id.toString('latin1');
    const log = new LogLines(logLimitBytes, (line) => listener.onLog(line));
    const exchange: Exchange = {
      listener,
      settle,
      log,
      headSeen: false,
      windowBytes: responseWindowBytes,
    };
    this.#exchanges.set(key, exchange);
    const head = { id: request.id, ...request.head, deadlineMs: request.deadlineMs };
    const { stream } = request;
    this.#socket.write(invokeFrame(id, stream ? { ...head, body: 'stream' } : head, request.body));
    if (stream) this.#stream(id, exchange, stream);
    return {
      grant: (bytes) => {
        if (!this.#exchanges.has(key)) return;
        exchange.windowBytes += bytes;
        this.#socket.write(grantFrame(id, bytes));
      },
      close: () => {
        if (this.#exchanges.delete(key)) this.#givenUp.add(key);
        exchange.body?.stop();
        log.flush();
      },
    };
  }

  soleLog(): LogLines | undefined {
    if (this.#exchanges.size !== 1) return undefined;
    const [exchange] = this.#exchanges.values();
    return exchange?.log;
  }

  close(): void {
    this.#state = 'closed';
    this.#socket.destroy();
  }

  /** A body that fails has no end: whoever gave it closes the invocation. */
  #stream(id: Buffer, exchange: Exchange, stream: BodyStream): void {
    const send = (piece: Uint8Array) => void this.#socket.write(bodyFrame(id, piece));
    const body = new WindowSender(stream, send, requestWindowBytes);
    exchange.body = body;
    body.run().then(
      () => body.isStopped || this.#socket.write(bodyEndFrame(id)),
      () => {},
    );
  }

  #receive(type: number, payload: Buffer): void {
    if (this.#state === 'closed') return;
    switch (type) {
      case toHost.hello:
        return this.#hello(payload);
      case toHost.ready:
        return this.#ready(payload);
      case toHost.initFailed:
        return this.#initFailed(payload);
      case toHost.log:
        return this.#log(payload);
      default:
        return this.#answer(type, payload);
    }
  }

  #hello(payload: Buffer): void {
    this.#expect('booting', 'HELLO');
    const { protocol } = parseObject(payload);
    if (protocol !== protocolVersion) throw new ProtocolViolation('another protocol version');
    this.#state = 'booted';
    this.#events.onHello();
  }

  #ready(payload: Buffer): void {
    this.#expect('loading', 'READY');
    this.#takesStreams = payload.length > 0 && parseObject(payload)['takesStreams'] === true;
    this.#state = 'ready';
    this.#events.onReady();
  }

  #initFailed(payload: Buffer): void {
    this.#expect('loading', 'INIT_FAILED');
    const { isFatal: _, ...error } = parseFunctionError(payload);
    this.#events.onInitFailed(error);
  }

  #log(payload: Buffer): void {
    const key = payload.toString('latin1', 0, channelIdBytes);
    const stream = payload.readUInt8(channelIdBytes) === 2 ? 'stderr' : 'stdout';
    const text = payload.subarray(channelIdBytes + 1);
    const exchange = this.#exchanges.get(key);
    if (exchange) exchange.log.push(stream, text);
    else this.#events.onStrayOutput(stream, text);
  }

  #answer(type: number, payload: Buffer): void {
    const key = payload.toString('latin1', 0, channelIdBytes);
    const exchange = this.#exchanges.get(key);
    if (!exchange && this.#givenUp.has(key)) return;
    if (!exchange) throw new ProtocolViolation('an answer to an invocation that is not under way');
    const rest = payload.subarray(channelIdBytes);
    switch (type) {
      case toHost.response: {
        const { head, body } = splitHead(rest);
        if (body.length > responseBodyLimitBytes) throw new ProtocolViolation('too long a body');
        this.#head(exchange, head);
        if (body.length > 0) exchange.listener.onChunk(body);
        return this.#settle(key, exchange, undefined);
      }
      case toHost.head:
        return this.#head(exchange, rest);
      case toHost.chunk:
        return this.#chunk(exchange, rest);
      case toHost.bodyGrant:
        return this.#grantBody(exchange, rest.readUInt32BE(0));
      case toHost.progress: {
        const json = rest.subarray(4);
        if (json.length > progressLimitBytes) throw new ProtocolViolation('too long a progress');
        return exchange.listener.onProgress?.(rest.readUInt32BE(0), json);
      }
      case toHost.end:
        if (!exchange.headSeen) throw new ProtocolViolation('an end without a head');
        return this.#settle(key, exchange, undefined);
      case toHost.error: {
        const { isFatal, ...error } = parseFunctionError(rest);
        this.#settle(key, exchange, error);
        if (isFatal) this.#events.onFatal();
        return;
      }
      default:
        throw new ProtocolViolation(`an unknown frame type ${type}`);
    }
  }

  #head(exchange: Exchange, bytes: Buffer): void {
    if (exchange.headSeen) throw new ProtocolViolation('a second head');
    exchange.headSeen = true;
    exchange.listener.onHead(parseResponseHead(bytes));
  }

  #chunk(exchange: Exchange, bytes: Buffer): void {
    if (!exchange.headSeen) throw new ProtocolViolation('a chunk before the head');
    exchange.windowBytes -= bytes.length;
    if (exchange.windowBytes < 0) throw new ProtocolViolation('more than was granted');
    exchange.listener.onChunk(bytes);
  }

  /** What was taken can be granted again, and no more: so what waits for it to read is bounded. */
  #grantBody({ body }: Exchange, bytes: number): void {
    if (!body || body.windowBytes + bytes > requestWindowBytes) {
      throw new ProtocolViolation('a grant for more than was taken');
    }
    body.grant(bytes);
  }

  #settle(key: string, exchange: Exchange, error: FunctionError | undefined): void {
    this.#exchanges.delete(key);
    exchange.body?.stop();
    exchange.log.flush();
    exchange.settle(error);
  }

  #expect(state: string, frame: string): void {
    if (this.#state !== state) throw new ProtocolViolation(`${frame} while ${this.#state}`);
  }

  #violate(error: unknown): void {
    this.close();
    const known =
      error instanceof ProtocolViolation ||
      error instanceof FrameError ||
      error instanceof RangeError; // a payload cut short
    this.#events.onViolation(
      known ? error : new Error('a listener of the channel failed', { cause: error }),
    );
  }
}
