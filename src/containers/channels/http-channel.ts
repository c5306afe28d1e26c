import { request as startRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import {
  upgradedStatus,
  type FunctionError,
  type HeaderList,
  type InvocationRequest,
  type RequestHead,
} from '../../domain/invocation.ts';
import type { NamespaceSockets } from '../../domain/network.ts';
import type { ResponseListener } from '../../domain/sandbox.ts';
import type {
  ChannelEvents,
  ChannelInvocation,
  ChannelKind,
  InitMessage,
  SandboxChannel,
} from '../../domain/sandbox-channel.ts';
import { writeBody } from './http-body.ts';
import { PendingInvocation } from './pending-invocation.ts';

/** Where a function listens that does not set PORT itself. */
export const defaultPort = 8080;

const headerLimitBytes = 64 * 1024;
const retryFirstMs = 5;
const retryLastMs = 100;

/** A server of the function's own, reached on $PORT in its network namespace. */
export function httpChannel(sockets: Pick<NamespaceSockets, 'connectIn'>): ChannelKind {
  return {
    name: 'http',
    prepare: async (networkNamespacePath) => {
      const connect = async (port: number) =>
        new Socket({ fd: await sockets.connectIn(networkNamespacePath, port) });
      return {
        open(socket, events) {
          socket.destroy(); // not needed
          return new HttpChannel(connect, events);
        },
        [Symbol.asyncDispose]: async () => {},
      };
    },
  };
}

class HttpChannel implements SandboxChannel {
  /** A server notices that its client has gone. */
  readonly endsWhatIsClosed = true;
  readonly takesStreams = true;
  readonly #connect: (port: number) => Promise<Socket>;
  readonly #events: ChannelEvents;
  readonly #underWay = new Set<PendingInvocation>();
  readonly #closed = new AbortController();
  #port = defaultPort;

  constructor(connect: (port: number) => Promise<Socket>, events: ChannelEvents) {
    this.#connect = connect;
    this.#events = events;
    queueMicrotask(() => events.onHello()); // nothing of ours has to boot
  }

  /** Ready as soon as somebody listens. */
  init({ env }: InitMessage): void {
    this.#port = Number(env['PORT'] ?? defaultPort);
    this.#connected(this.#closed.signal).then(
      (socket) => {
        socket.destroy();
        if (!this.#closed.signal.aborted) this.#events.onReady();
      },
      () => {}, // closed meanwhile: its owner has waited long enough
    );
  }

  invoke(
    request: InvocationRequest,
    listener: ResponseListener,
    settle: Parameters<SandboxChannel['invoke']>[2],
  ): ChannelInvocation {
    const invocation = new PendingInvocation(request, listener, settle);
    this.#underWay.add(invocation);
    invocation.over.addEventListener('abort', () => this.#underWay.delete(invocation));
    void this.#run(invocation);
    return invocation;
  }

  soleLog() {
    const [first, second] = this.#underWay;
    return second ? undefined : first?.log;
  }

  close(): void {
    this.#closed.abort();
    for (const invocation of this.#underWay) invocation.close();
  }

  /**
   * A connection for each invocation: one that was kept could be closed by the function's server just
   * when it is used, above all by one that was frozen for longer than it keeps connections.
   */
  async #run(invocation: PendingInvocation): Promise<void> {
    let socket: Socket;
    try {
      socket = await this.#connected(invocation.over);
    } catch {
      return; // over meanwhile
    }
    invocation.over.addEventListener('abort', () => socket.destroy(), { once: true });
    try {
      const { head, body, stream } = invocation.request;
      const request = startRequest({
        createConnection: () => socket,
        method: head.trigger === 'event' ? 'POST' : head.method,
        path: head.trigger === 'event' ? '/' : head.url,
        headers: requestHeaders(invocation.request).flat(),
        maxHeaderSize: headerLimitBytes,
      });
      if (stream && head.upgrade === undefined) void writeBody(stream, request, invocation.over);
      else request.end(body);
      const answer = await responseTo(request, head.upgrade !== undefined);
      if (answer instanceof Upgraded) await passConnection(answer, invocation);
      else await passAnswer(answer, invocation);
      invocation.end();
    } catch (error) {
      invocation.broken(describe(error as NodeJS.ErrnoException));
    }
  }

  /** Tries until somebody takes the connection. Rejects when the signal aborts first. */
  async #connected(signal: AbortSignal): Promise<Socket> {
    for (let waitMs = retryFirstMs; ; waitMs = Math.min(2 * waitMs, retryLastMs)) {
      signal.throwIfAborted();
      try {
        return await this.#connect(this.#port);
      } catch {
        await delay(waitMs, undefined, { signal });
      }
    }
  }
}

/** The server speaks another protocol from here on; `first` is what it has said in that. */
class Upgraded {
  readonly response: IncomingMessage;
  readonly socket: Duplex;
  readonly first: Buffer;

  constructor(response: IncomingMessage, socket: Duplex, first: Buffer) {
    this.response = response;
    this.socket = socket;
    this.first = first;
  }
}

/** Rejects when there is no answer, or one that is not HTTP. */
function responseTo(
  request: ClientRequest,
  isUpgrade: boolean,
): Promise<IncomingMessage | Upgraded> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve).on('error', reject);
    request.once('upgrade', (...answer) => {
      if (isUpgrade) return resolve(new Upgraded(...answer));
      answer[1].destroy();
      reject(new Error('it upgrades the connection to another protocol'));
    });
  });
}

/** Both sides' bytes, until the server ends: by its own will, or as the caller has. */
async function passConnection(
  { response, socket, first }: Upgraded,
  invocation: PendingInvocation,
): Promise<void> {
  const { stream } = invocation.request;
  invocation.head({ status: upgradedStatus, headers: headersOf(response) });
  if (stream) void writeBody(stream, socket, invocation.over);
  if (first.length > 0) await invocation.chunk(first);
  try {
    for await (const piece of socket as AsyncIterable<Buffer>) await invocation.chunk(piece);
  } catch {
    // Broken off is an end like any other.
  }
}

async function passAnswer(response: IncomingMessage, invocation: PendingInvocation): Promise<void> {
  const { statusCode: status = 0 } = response;
  if (status < 200 || status > 599) throw new Error(`its status is ${status}`);
  invocation.head({ status, headers: headersOf(response) });
  for await (const chunk of response as AsyncIterable<Buffer>) await invocation.chunk(chunk);
}

function headersOf({ rawHeaders }: IncomingMessage): HeaderList {
  const headers: [string, string][] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    headers.push([rawHeaders[i] ?? '', rawHeaders[i + 1] ?? '']);
  }
  return headers;
}

/** As received, framed anew; with the standard's own account of who forwarded it (RFC 7239). */
function requestHeaders({ id, head, body, stream }: InvocationRequest): HeaderList {
  const declared = stream ? valueOf(head.headers, 'content-length') : String(body.length);
  const { upgrade } = head;
  if (upgrade !== undefined) {
    const asks: HeaderList = [
      ['connection', 'upgrade'],
      ['upgrade', upgrade],
    ];
    return [...head.headers, ...asks, ['x-hearth-invocation-id', id]];
  }
  const own: HeaderList = [
    declared === undefined ? ['transfer-encoding', 'chunked'] : ['content-length', declared],
    // A server that answers before it has read all would reset a connection that it is to close.
    ['connection', stream ? 'keep-alive' : 'close'],
    ['x-hearth-invocation-id', id],
  ];
  if (head.trigger === 'event') {
    return [['host', 'localhost'], ['content-type', 'application/json'], ...own];
  }
  const passed = head.headers.filter(([name]) => name.toLowerCase() !== 'content-length');
  const host = valueOf(head.headers, 'host');
  return [
    ...(host === undefined ? [['host', 'localhost'] as const] : []),
    ...passed,
    ['forwarded', forwarded(head, host)],
    ...own,
  ];
}

function forwarded({ headers, sourceIp }: RequestHead, host = 'localhost'): string {
  const address = sourceIp.includes(':') ? `"[${sourceIp}]"` : sourceIp;
  const proto = valueOf(headers, 'x-forwarded-proto') === 'https' ? 'https' : 'http';
  return `for=${address};host="${host.replaceAll(/["\\]/g, '')}";proto=${proto}`;
}

function valueOf(headers: HeaderList, name: string): string | undefined {
  return headers.find((pair) => pair[0].toLowerCase() === name)?.[1];
}

function describe({ message, code }: NodeJS.ErrnoException): FunctionError {
  const isHttp = code?.startsWith('HPE_') ?? false;
  return {
    type: isHttp ? 'Runtime.InvalidResponse' : 'Runtime.BrokenResponse',
    message: `The function's server did not answer as HTTP asks: ${message}.`,
  };
}
