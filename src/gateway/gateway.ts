import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { HostError } from '../domain/errors.ts';
import type { AsyncInvoker } from '../domain/event-queue.ts';
import type { IdempotencyKeys } from '../domain/idempotency.ts';
import type { FactPublisher } from '../domain/facts.ts';
import type { TriggerGuard } from '../domain/http-trigger.ts';
import type { NodeId } from '../domain/ids.ts';
import { timeoutLimitMs } from '../domain/limits.ts';
import type { Service } from '../domain/service.ts';
import type { Tracing } from '../domain/trace.ts';
import { EventInvocations } from './event-invocations.ts';
import { FunctionCallers, readCall } from './function-callers.ts';
import { FunctionHosts, type FunctionHostsOptions } from './function-hosts.ts';
import { Certificate, type TlsFiles } from './certificate.ts';
import { createInvocationHandler } from './invocation-handler.ts';
import { invocationRoute, type InvocationRoute } from './invocation-route.ts';
import { Invocations, type InvocationsOptions } from './invocations.ts';
import { LongRequests } from './long-requests.ts';
import { createManagementApp, type ManagementAppOptions } from './management-app.ts';
import { RequestBodies } from './request-bodies.ts';
import { Upgrades } from './upgrades.ts';

/** One at least for each of these: what a slow, silent or greedy peer can hold on to. */
const serverLimits = {
  maxHeaderSize: 32 * 1024,
  headersTimeout: 20_000,
  /** To send a whole request: 50 MiB at 175 KB/s. */
  requestTimeout: 300_000,
  /** Longer than the minute that proxies keep theirs, so that they close idle connections first. */
  keepAliveTimeout: 72_000,
  connectionsCheckingInterval: 5_000,
} as const;

/** Also bounds the invocations under way. */
const connectionLimit = 10_000;

/** No byte either way for so long: longer than any invocation may be silent. */
const idleTimeoutMs = timeoutLimitMs + 60_000;

/** While stopping: how often connections are looked at that have just become idle. */
const idleCheckMs = 50;

export interface GatewayOptions
  extends
    InvocationsOptions,
    Pick<FunctionHostsOptions, 'functionHosts'>,
    Omit<ManagementAppOptions, 'createServer' | 'longRequests'> {
  readonly invoker: AsyncInvoker;
  readonly idempotency: IdempotencyKeys;
  readonly tracing: Tracing;
  readonly facts: FactPublisher;
  readonly guard: TriggerGuard;
  /** A Unix socket for calls of functions by functions. */
  readonly functionCallsPath: string;
  /** Port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Absent: plain HTTP. */
  readonly tls?: TlsFiles | undefined;
}

export interface Gateway extends Service {
  /** The directory has a node no more: what waits for it goes to others. */
  nodeGone(node: NodeId): Promise<void>;
  /** `http://host:port`, or `https:`; known once started. */
  readonly address: string;
}

/** The HTTP face of the host. */
export function createGateway(options: GatewayOptions): Gateway {
  return new HttpGateway(options);
}

class HttpGateway implements Gateway {
  readonly name = 'gateway';
  readonly #listen: GatewayOptions['listen'];
  readonly #app: FastifyInstance;
  readonly #certificate: Certificate | undefined;
  readonly #functionCallers: FunctionCallers;
  readonly #invocations: Invocations;
  readonly #upgrades: Upgrades;
  #isStopping = false;
  #stopped: Promise<void> | undefined;

  constructor(options: GatewayOptions) {
    this.#listen = options.listen;
    const invocations = new Invocations(options);
    const longRequests = new LongRequests();
    this.#invocations = invocations;
    const invoke = createInvocationHandler({
      ...options,
      longRequests,
      bodies: new RequestBodies(),
      invocations,
      events: new EventInvocations({ ...options, invocations }),
      isStopping: () => this.#isStopping,
    });
    const hosts = new FunctionHosts(options);
    const routeOf = (request: IncomingMessage): InvocationRoute | undefined =>
      hosts.route(request) ?? invocationRoute(request.method ?? '', request.url ?? '');
    this.#upgrades = new Upgrades({ functions: options.functions, routeOf, invoke });
    const { tls, logger } = options;
    this.#certificate = tls && new Certificate({ ...tls, logger });
    const newServer = (serveOther: RequestListener): Server => {
      const serve: RequestListener = (request, response) => {
        const route = routeOf(request);
        if (route) return invoke(route, request, response);
        if (request.headers.expect !== undefined) response.writeContinue();
        serveOther(request, response);
      };
      const { accepts, serve: upgrade } = this.#upgrades;
      const settings = { ...serverLimits, shouldUpgradeCallback: accepts };
      const server = tls ? createTlsServer(settings, serve) : createServer(settings, serve);
      return limited(server.on('upgrade', upgrade), serve);
    };
    this.#functionCallers = new FunctionCallers({
      path: options.functionCallsPath,
      newServer: (listener) => limited(createServer(serverLimits, listener), listener),
      serve: (caller, request, response) => {
        const { route, call } = readCall(caller, request);
        invoke(route, request, response, call);
      },
    });
    this.#app = createManagementApp({ ...options, longRequests, createServer: newServer });
  }

  nodeGone(node: NodeId): Promise<void> {
    return this.#invocations.recover(node);
  }

  get address(): string {
    const { address, family, port } = this.#app.server.address() as AddressInfo;
    const scheme = this.#certificate ? 'https' : 'http';
    return `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#certificate?.start((pair) => {
      (this.#app.server as TlsServer).setSecureContext({ ...pair, minVersion: 'TLSv1.2' });
    });
    try {
      await this.#app.listen(this.#listen);
    } catch (cause) {
      const { host, port } = this.#listen;
      throw new HostError(
        'unavailable',
        'gateway.cannot_listen',
        `The gateway cannot listen on ${host}:${port}; set HEARTH_LISTEN to a free address.`,
        { cause },
      );
    }
    await this.#functionCallers.start();
  }

  /** What is under way gets its answer until `grace` aborts; then connections are broken off. */
  stop(grace: AbortSignal): Promise<void> {
    this.#isStopping = true;
    this.#stopped ??= this.#close(grace);
    return this.#stopped;
  }

  async #close(grace: AbortSignal): Promise<void> {
    const servers = [this.#app.server, this.#functionCallers.server];
    this.#upgrades.end();
    const force = () => {
      servers.forEach((server) => server.closeAllConnections());
      this.#upgrades.destroy();
    };
    const closed = Promise.all([this.#app.close(), closedServer(this.#functionCallers.server)]);
    const reaper = setInterval(
      () => servers.forEach((server) => server.closeIdleConnections()),
      idleCheckMs,
    );
    if (grace.aborted) force();
    grace.addEventListener('abort', force, { once: true });
    try {
      await closed;
    } finally {
      await this.#certificate?.stop();
      clearInterval(reaper);
      grace.removeEventListener('abort', force);
    }
  }
}

/** `serve` says itself when a caller that asks first may send its body. */
function limited(server: Server, serve: RequestListener): Server {
  server.on('checkContinue', serve);
  server.maxConnections = connectionLimit;
  server.timeout = idleTimeoutMs;
  return server;
}

async function closedServer(server: Server): Promise<void> {
  if (!server.listening) return;
  server.close();
  await once(server, 'close');
}
