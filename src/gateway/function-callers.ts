import { once } from 'node:events';
import { chmod, mkdir, rm } from 'node:fs/promises';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import { HostError } from '../domain/errors.ts';
import {
  callDepthLimit,
  callingPrincipal,
  everyFunction,
  internalName,
  type FunctionCaller,
} from '../domain/function-caller.ts';
import type { Principal } from '../domain/principal.ts';
import type { FunctionSpec } from '../domain/function.ts';
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
      if (!caller) return void response.destroy();
      // Kept, it would be cut when the caller's invocation ends, just as its next one may use it.
      response.shouldKeepAlive = false;
      serve(caller, request, response);
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

/** One call of a function by a function. */
export interface FunctionCall {
  readonly caller: FunctionCaller;
  /** The private network by which it comes, or `everyFunction`. */
  readonly network: string;
}

/** Where a call is to go: its `Host` names the function. */
export function readCall(
  caller: FunctionCaller,
  { headers, url = '' }: IncomingMessage,
): { readonly route: InvocationRoute; readonly call: FunctionCall } {
  const hostName = (headers.host ?? '').toLowerCase().replace(/:\d+$/, '');
  const { name, network } = internalName(hostName) ?? {
    name: `//${hostName}`, // what none is named
    network: everyFunction,
  };
  return {
    route: { trigger: 'http', functionName: name, url: url.startsWith('/') ? url : '/' },
    call: { caller, network },
  };
}

/** @throws HostError `forbidden` unless it may call that function; `conflict` in an endless loop. */
export function admitCall(
  { caller, network }: FunctionCall,
  name: string,
  spec: FunctionSpec | undefined,
): Principal {
  const principal = callingPrincipal(caller, { name, network }, spec?.network?.networks);
  if (!principal) throw forbidden(caller.functionName, name.slice(0, 80), network);
  if (caller.depth < callDepthLimit) return principal;
  throw new HostError(
    'conflict',
    'calls.too_deep',
    `Functions have called one another ${callDepthLimit} times in a row: do they go round in a circle?`,
  );
}

function forbidden(caller: string, called: string, network: string): HostError {
  const why =
    network === everyFunction
      ? `The function "${caller}" does not list "${called}" in its network.calls.`
      : `The functions "${caller}" and "${called}" are not both on the network "${network}".`;
  return new HostError('forbidden', 'calls.forbidden', why);
}
