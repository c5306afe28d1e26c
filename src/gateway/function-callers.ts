import { once } from 'node:events';
import { chmod, mkdir, rm } from 'node:fs/promises';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import { HostError } from '../domain/errors.ts';
import {
  calledFunction,
  callDepthLimit,
  callerPrincipal,
  type FunctionCaller,
} from '../domain/function-caller.ts';
import { can, type Principal } from '../domain/principal.ts';
import type { InvocationRoute } from './invocation-route.ts';

/** Who calls is said at once, in one line. */
const lineLimitBytes = 64 * 1024;
const lineLimitMs = 5_000;

export interface FunctionCallersOptions {
  /** A Unix socket, for the workers of this machine alone. */
  readonly path: string;
  readonly newServer: (listener: RequestListener) => Server;
  readonly serve: (caller: FunctionCaller, ...exchange: Parameters<RequestListener>) => void;
}

/**
 * Takes the calls of functions. A worker says on each connection which function is at its other
 * end; from then on it is that function's, and speaks HTTP.
 */
export class FunctionCallers {
  readonly server: Server;
  readonly #path: string;
  readonly #callers = new WeakMap<Socket, FunctionCaller>();

  constructor({ path, newServer, serve }: FunctionCallersOptions) {
    this.#path = path;
    this.server = newServer((request, response) => {
      const caller = this.#callers.get(request.socket);
      if (caller) serve(caller, request, response);
      else response.destroy();
    });
    const speakHttp = this.server.listeners('connection');
    this.server.removeAllListeners('connection');
    this.server.on('connection', (socket: Socket) => {
      const speak = () => speakHttp.forEach((listener) => listener.call(this.server, socket));
      void this.#meet(socket, speak);
    });
  }

  async start(): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    await rm(this.#path, { force: true }); // of a gateway that was killed
    this.server.listen(this.#path);
    await once(this.server, 'listening');
    await chmod(this.#path, 0o600);
  }

  async #meet(socket: Socket, speak: () => void): Promise<void> {
    socket.on('error', ignore);
    try {
      this.#callers.set(socket, await readCaller(socket));
      socket.off('error', ignore);
      speak();
    } catch {
      socket.destroy();
    }
  }
}

/** A connection that breaks off before it is known whose it is concerns nobody. */
const ignore = (): void => {};

/** Reads the first line and leaves the rest. @throws when it is none of a worker. */
async function readCaller(socket: Socket): Promise<FunctionCaller> {
  const signal = AbortSignal.timeout(lineLimitMs);
  let received = Buffer.alloc(0);
  for (;;) {
    const piece = socket.read() as Buffer | null;
    if (!piece) {
      await once(socket, 'readable', { signal });
      if (socket.readableEnded) throw new Error('the connection ended');
      continue;
    }
    received = Buffer.concat([received, piece]);
    const end = received.indexOf('\n');
    if (end >= 0) {
      const rest = received.subarray(end + 1);
      if (rest.length > 0) socket.unshift(rest);
      return JSON.parse(received.subarray(0, end).toString()) as FunctionCaller;
    }
    if (received.length > lineLimitBytes) throw new Error('the line is too long');
  }
}

/** Where a call is to go: its `Host` names the function. */
export function calledRoute({ headers, url = '' }: IncomingMessage): InvocationRoute {
  const hostName = (headers.host ?? '').toLowerCase().replace(/:\d+$/, '');
  const functionName = calledFunction(hostName) ?? `//${hostName}`; // else what none is named
  return { trigger: 'http', functionName, url: url.startsWith('/') ? url : '/' };
}

/** @throws HostError `forbidden` unless it may call that function; `conflict` in an endless loop. */
export function callingPrincipal(caller: FunctionCaller, called: string): Principal {
  const principal = callerPrincipal(caller);
  if (!can(principal, 'invoke', called)) {
    throw new HostError(
      'forbidden',
      'calls.forbidden',
      `The function "${caller.functionName}" does not list "${called.slice(0, 80)}" in its network.calls.`,
    );
  }
  if (caller.depth >= callDepthLimit) {
    throw new HostError(
      'conflict',
      'calls.too_deep',
      `Functions have called one another ${callDepthLimit} times in a row: do they go round in a circle?`,
    );
  }
  return principal;
}
