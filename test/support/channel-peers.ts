import { once } from 'node:events';
import {
  createServer,
  request as startRequest,
  type IncomingMessage,
  type RequestOptions,
  type ServerResponse,
} from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { duplexPair, Readable, type Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { vi } from 'vitest';
import { toHost } from '../../src/containers/channels/channel-frames.ts';
import { defaultPort, httpChannel } from '../../src/containers/channels/http-channel.ts';
import { lambdaChannel, runtimeApiPort } from '../../src/containers/channels/lambda-channel.ts';
import { nativeChannel } from '../../src/containers/channels/native-channel.ts';
import type { ChannelEvents, ChannelKind } from '../../src/domain/sandbox-channel.ts';
import { encodeFrame, FrameDecoder } from '../../src/lib/frames.ts';
import { PieceQueue } from '../../src/lib/piece-queue.ts';
import { NetworkNamespaces } from '../../src/linux/index.ts';
import type {
  AnswerStream,
  ChannelPeer,
  OpenedChannel,
  TakenInvocation,
} from '../contract/sandbox-channel.ts';

/** A network namespace with nothing in it but what the test puts there. */
export async function openNamespace() {
  const dir = await mkdtemp(join(tmpdir(), 'hearth-channel-'));
  const namespaces = new NetworkNamespaces();
  await namespaces.start();
  const path = join(dir, 'one');
  await namespaces.create(path);
  return {
    path,
    namespaces,
    connect: async (port: number) => new Socket({ fd: await namespaces.connectIn(path, port) }),
    async close() {
      await namespaces.remove(path);
      await namespaces.stop();
      await rm(dir, { recursive: true });
    },
  };
}

type Namespace = Awaited<ReturnType<typeof openNamespace>>;

/** Opens the host's end, and gives it a peer. */
async function open(
  kind: (namespace: Namespace) => ChannelKind,
  makePeer: (namespace: Namespace, socket: Duplex) => ChannelPeer & AsyncDisposable,
): Promise<OpenedChannel> {
  const namespace = await openNamespace();
  const prepared = await kind(namespace).prepare(namespace.path);
  const [ours, theirs] = duplexPair();
  const events: string[] = [];
  const note = (what: string) => () => void events.push(what);
  const listeners: ChannelEvents = {
    onHello: note('hello'),
    onReady: note('ready'),
    onInitFailed: ({ type }) => void events.push(`init failed: ${type}`),
    onViolation: note('violation'),
    onFatal: note('fatal'),
    onStrayOutput: note('stray output'),
  };
  const peer = makePeer(namespace, theirs);
  const channel = prepared.open(ours, listeners);
  return {
    channel,
    peer,
    events,
    async close() {
      channel.close();
      await prepared[Symbol.asyncDispose]();
      await peer[Symbol.asyncDispose]();
      await namespace.close();
    },
  };
}

export const openNative = () =>
  open(
    () => nativeChannel,
    (_, socket) => new NativePeer(socket),
  );

export const openLambda = () =>
  open(
    ({ namespaces }) => lambdaChannel(namespaces),
    (namespace) => new LambdaPeer(namespace),
  );

export const openHttp = () =>
  open(
    ({ namespaces }) => httpChannel(namespaces),
    (namespace) => new HttpPeer(namespace),
  );

const json = (value: unknown) => Buffer.from(JSON.stringify(value));

/** A bootstrap in a few lines. */
class NativePeer implements ChannelPeer, AsyncDisposable {
  readonly #socket: Duplex;
  readonly #invokes: Buffer[] = [];
  readonly #grants = new Map<string, number>();
  readonly #bodies = new Map<string, PieceQueue>();
  #wake = Promise.withResolvers<void>();

  constructor(socket: Duplex) {
    this.#socket = socket;
    const decoder = new FrameDecoder(8 * 1024 * 1024, (type, payload) => {
      if (type === 0x02) this.#invokes.push(payload);
      if (type === 0x06) this.#bodyOf(payload).push(payload.subarray(8));
      if (type === 0x04) this.#grant(payload);
      if (type === 0x07) this.#bodyOf(payload).end();
      this.#wake.resolve();
      this.#wake = Promise.withResolvers();
    });
    socket.on('data', (chunk: Buffer) => decoder.push(chunk)).on('error', () => {});
    this.#send(toHost.hello, json({ protocol: 1, runtime: 'test' }));
  }

  async beReady(): Promise<void> {
    this.#send(toHost.ready, json({ takesStreams: true }));
  }

  async take(): Promise<TakenInvocation> {
    while (this.#invokes.length === 0) await this.#wake.promise;
    const payload = this.#invokes.shift()!;
    const id = payload.subarray(0, 8);
    const key = id.toString('latin1');
    const headEnd = 12 + payload.readUInt32BE(8);
    this.#grants.set(key, (this.#grants.get(key) ?? 0) + 256 * 1024);
    const head = json({ status: 200, headers: [['content-type', 'text/plain']] });
    const length = Buffer.alloc(4);
    length.writeUInt32BE(head.length);
    return {
      body: payload.toString('utf8', headEnd),
      pieces: this.#bodyOf(payload),
      answer: async (body) => this.#send(toHost.response, id, length, head, Buffer.from(body)),
      stream: async () => {
        this.#send(toHost.head, id, head);
        return {
          write: (bytes) => this.#write(id, key, bytes),
          end: async () => this.#send(toHost.end, id),
          fail: async () => this.#send(toHost.error, id, json({ type: 'Error', message: 'half' })),
        };
      },
    };
  }

  /** Grants what has been read. */
  #bodyOf(payload: Buffer): PieceQueue {
    const id = payload.subarray(0, 8);
    const key = id.toString('latin1');
    const body =
      this.#bodies.get(key) ??
      new PieceQueue({
        onTaken: (bytes) => {
          const granted = Buffer.alloc(4);
          granted.writeUInt32BE(bytes);
          if (bytes > 0) this.#send(toHost.bodyGrant, id, granted);
        },
      });
    this.#bodies.set(key, body);
    return body;
  }

  async #write(id: Buffer, key: string, bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length > 0;) {
      const granted = this.#grants.get(key) ?? 0;
      if (granted === 0) {
        await this.#wake.promise;
        continue;
      }
      const piece = rest.subarray(0, granted);
      this.#grants.set(key, granted - piece.length);
      this.#send(toHost.chunk, id, piece);
      rest = rest.subarray(piece.length);
    }
  }

  #grant(payload: Buffer): void {
    const key = payload.toString('latin1', 0, 8);
    this.#grants.set(key, (this.#grants.get(key) ?? 0) + payload.readUInt32BE(8));
  }

  #send(type: number, ...parts: Uint8Array[]): void {
    this.#socket.write(encodeFrame(type, ...parts));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
  }
}

/** A client of the Runtime API, as images bring one. */
export class LambdaPeer implements ChannelPeer, AsyncDisposable {
  readonly #namespace: Namespace;
  readonly #polls: Promise<IncomingMessage>[] = [];

  constructor(namespace: Namespace) {
    this.#namespace = namespace;
  }

  async beReady(): Promise<void> {
    this.#poll();
  }

  #poll(): void {
    const polled = this.ask({ path: '/2018-06-01/runtime/invocation/next' });
    polled.catch(() => {}); // the channel is closed
    this.#polls.push(polled);
  }

  async take(): Promise<TakenInvocation> {
    if (this.#polls.length === 0) this.#poll();
    const next = await this.#polls.shift()!;
    const id = next.headers['lambda-runtime-aws-request-id'] as string;
    const event = JSON.parse(await text(next)) as { body?: string };
    const path = `/2018-06-01/runtime/invocation/${id}/response`;
    return {
      body: event.body ?? '',
      pieces: Readable.from([]),
      answer: async (body) => void (await this.ask({ method: 'POST', path }, JSON.stringify(body))),
      stream: () => this.#stream(path),
    };
  }

  /** Sends a request on a connection of its own. */
  async ask(options: RequestOptions, body?: string | Uint8Array): Promise<IncomingMessage> {
    const request = await this.#request(options);
    request.end(body);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return response;
  }

  async #stream(path: string): Promise<AnswerStream> {
    const trailers = ['Lambda-Runtime-Function-Error-Type', 'Lambda-Runtime-Function-Error-Body'];
    const headers = {
      'lambda-runtime-function-response-mode': 'streaming',
      'content-type': 'application/vnd.awslambda.http-integration-response',
      'transfer-encoding': 'chunked',
      trailer: trailers.join(', '),
    };
    const request = await this.#request({ method: 'POST', path, headers });
    request.on('error', () => {});
    const write = (bytes: Uint8Array) =>
      new Promise<void>((resolve) => request.write(bytes, () => resolve()));
    await write(Buffer.from('{"statusCode":200}\0\0\0'));
    await write(Buffer.alloc(5)); // the end of the head comes in two pieces
    const end = async () => {
      request.end();
      await once(request, 'response');
    };
    return {
      write,
      end,
      fail: async () => {
        const error = Buffer.from('{"errorType":"Error","errorMessage":"half"}').toString('base64');
        request.addTrailers([
          [trailers[0]!, 'Function.Failed'],
          [trailers[1]!, error],
        ]);
        await end();
      },
    };
  }

  async #request(options: RequestOptions) {
    const socket = await vi.waitFor(() => this.#namespace.connect(runtimeApiPort));
    const request = startRequest({ ...options, createConnection: () => socket });
    request.on('error', () => {});
    return request;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** A server that listens on $PORT. */
export class HttpPeer implements ChannelPeer, AsyncDisposable {
  readonly #namespace: Namespace;
  readonly #requests: [IncomingMessage, ServerResponse][] = [];
  readonly #server = createServer((request, response) => {
    this.#requests.push([request, response]);
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  });
  #wake = Promise.withResolvers<void>();

  constructor(namespace: Namespace) {
    this.#namespace = namespace;
  }

  async beReady(): Promise<void> {
    const { namespaces, path } = this.#namespace;
    this.#server.listen({ fd: await namespaces.listenIn(path, defaultPort) });
  }

  async take(): Promise<TakenInvocation> {
    const [request, response] = await this.takeRequest();
    const isStreamed = request.headers['transfer-encoding'] !== undefined;
    return {
      body: isStreamed ? '' : await text(request),
      pieces: request,
      answer: async (body) => void response.end(body),
      stream: async () => {
        response.flushHeaders();
        return {
          write: (bytes) => new Promise((resolve) => response.write(bytes, () => resolve())),
          end: async () => void response.end(),
          fail: async () => void response.destroy(),
        };
      },
    };
  }

  /** The next request that wants to change the protocol. Asked for before it comes. */
  async takeUpgrade(): Promise<[IncomingMessage, Duplex]> {
    const [request, socket] = (await once(this.#server, 'upgrade')) as [IncomingMessage, Duplex];
    return [request, socket];
  }

  async takeRequest(): Promise<[IncomingMessage, ServerResponse]> {
    while (this.#requests.length === 0) await this.#wake.promise;
    return this.#requests.shift()!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }
}
