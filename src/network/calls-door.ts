import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { CallContext } from '../domain/network.ts';
import { callerLine, type FunctionCaller } from '../domain/function-caller.ts';

/** Where `http://<name>.fn.internal/` leads inside a sandbox, on its loopback. */
export const callsAddress = { host: '127.0.0.54', port: 80 } as const;

/** Of one sandbox at once. */
const connectionsLimit = 256;

const noGateway =
  'HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nx-hearth-error: calls.no_gateway\r\n' +
  'content-length: 0\r\nconnection: close\r\n\r\n';

/**
 * A sandbox's way to call other functions. It listens inside the sandbox's namespace and joins each
 * connection to one with the gateway, on which the host says first who calls: that is never read
 * from what the sandbox sends. Open only while an invocation runs.
 */
export class CallsDoor implements AsyncDisposable {
  readonly #gatewayPath: string;
  readonly #caller: Omit<FunctionCaller, keyof CallContext>;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #context: CallContext | undefined;

  constructor(gatewayPath: string, caller: Omit<FunctionCaller, keyof CallContext>) {
    this.#gatewayPath = gatewayPath;
    this.#caller = caller;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#join(socket));
    this.#server.maxConnections = connectionsLimit;
  }

  /** Takes over a socket that listens at `callsAddress`. */
  async listen(fd: number): Promise<void> {
    this.#server.listen({ fd });
    await once(this.#server, 'listening');
  }

  open(context: CallContext): void {
    this.#context = context;
  }

  /** Breaks off what is under way. */
  close(): void {
    this.#context = undefined;
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(socket: Socket): void {
    if (!this.#context) return void socket.destroy();
    const gateway = connect({ path: this.#gatewayPath, allowHalfOpen: true });
    let isJoined = false;
    for (const each of [socket, gateway]) this.#keep(each);
    gateway.on('connect', () => (isJoined = true));
    gateway.on('close', (hadError) => {
      if (!hadError) return;
      if (isJoined) socket.destroy();
      else socket.resume().end(noGateway);
    });
    socket.on('close', (hadError) => hadError && gateway.destroy());
    gateway.write(callerLine({ ...this.#caller, ...this.#context }));
    socket.pipe(gateway);
    gateway.pipe(socket);
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay();
    socket.on('error', () => {}); // its end is what matters
    socket.on('close', () => this.#sockets.delete(socket));
  }
}
