import { ServerResponse, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { liveVersion, type FunctionStore } from '../domain/function.ts';
import type { BodyStream } from '../domain/invocation.ts';
import { PieceQueue } from '../lib/piece-queue.ts';
import type { InvocationRoute } from './invocation-route.ts';
import type { InvocationHandler } from './invocation-handler.ts';

export interface UpgradesOptions {
  readonly functions: Pick<FunctionStore, 'get'>;
  readonly routeOf: (request: IncomingMessage) => InvocationRoute | undefined;
  readonly invoke: InvocationHandler;
}

/**
 * Requests that ask for another protocol on their connection, such as WebSocket (RFC 9110, section
 * 7.8). Each is an invocation: what the caller sends from then on is its body, what comes back its
 * answer, both passed on as bytes. Nobody here understands the protocol.
 */
export class Upgrades {
  readonly #options: UpgradesOptions;
  readonly #sockets = new Set<Socket>();

  constructor(options: UpgradesOptions) {
    this.#options = options;
  }

  /**
   * Only a server of the function's own can speak another protocol. All others are asked as if by an
   * ordinary request, which is what a server that does not know the protocol does.
   */
  readonly accepts = (request: IncomingMessage): boolean => {
    const { method, headers } = request;
    if (method !== 'GET' || headers.upgrade === undefined || isHttp2(headers.upgrade)) return false;
    const route = this.#options.routeOf(request);
    const record = route?.trigger === 'http' && this.#options.functions.get(route.functionName);
    const image = record ? liveVersion(record).spec.image : undefined;
    return image !== undefined && image.channel !== 'lambda';
  };

  readonly serve = (request: IncomingMessage, connection: Duplex, first: Buffer): void => {
    const socket = connection as Socket; // of an HTTP server it is one
    const route = this.#options.routeOf(request);
    if (!route) return void socket.destroy(); // not accepted
    this.#sockets.add(socket);
    socket.on('error', () => {}); // followed by `close`
    socket.once('close', () => this.#sockets.delete(socket));
    socket.setTimeout(0); // the sandbox's host watches it
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    socket.on('drain', () => response.emit('drain'));
    response.once('finish', () => socket.end());
    this.#options.invoke(route, request, response, undefined, connectionBody(socket, first));
  };

  /** Ends them: their callers can connect to another gateway. */
  end(): void {
    for (const socket of this.#sockets) socket.end();
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Offered with plain HTTP by clients that are content without. */
const isHttp2 = (protocol: string): boolean => protocol.toLowerCase().includes('h2c');

/** All that the caller sends, no faster than it is taken. It ends when the caller's side does. */
function connectionBody(socket: Socket, first: Buffer): BodyStream {
  const body = new PieceQueue({ onTaken: () => void socket.resume() });
  if (first.length > 0) body.push(first);
  socket.on('data', (piece: Buffer) => {
    if (!body.isStopped) socket.pause(); // until it has been taken
    body.push(piece);
  });
  socket.once('end', () => body.end());
  socket.once('close', () => body.end());
  return body;
}
