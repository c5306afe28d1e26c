import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { NamespaceSockets } from '../../domain/network.ts';
import type { InvocationRequest } from '../../domain/invocation.ts';
import type { ResponseListener } from '../../domain/sandbox.ts';
import type {
  ChannelEvents,
  ChannelInvocation,
  ChannelKind,
  InitMessage,
  SandboxChannel,
} from '../../domain/sandbox-channel.ts';
import { parseLambdaError } from './lambda-errors.ts';
import { nextEvent } from './lambda-next.ts';
import { takeResponse } from './lambda-response.ts';
import { PendingInvocation } from './pending-invocation.ts';
import { BodyTooLarge, readBody, refuse, send } from './runtime-api.ts';

/** As in AWS; every sandbox has a loopback of its own. */
export const runtimeApiPort = 9001;

/** The official client puts a description of an error, up to 1 MB, into a header. */
const headerLimitBytes = 1_200_000;

/** A client keeps some polls and answers open, however many threads it has. */
const connectionLimit = 256;

const errorLimitBytes = 256 * 1024;
const apiPrefix = '/2018-06-01/runtime/';
const answerPath = /^invocation\/([^/]{1,100})\/(response|error)$/;

/** The Runtime API of AWS Lambda, for images that bring its client. One server for each sandbox. */
export function lambdaChannel(sockets: Pick<NamespaceSockets, 'listenIn'>): ChannelKind {
  return {
    name: 'lambda',
    async prepare(networkNamespacePath) {
      const api = new RuntimeApi();
      await api.listen(await sockets.listenIn(networkNamespacePath, runtimeApiPort));
      return {
        open(socket, events) {
          socket.destroy(); // not needed
          return api.open(events);
        },
        [Symbol.asyncDispose]: async () => api.close(),
      };
    },
  };
}

class RuntimeApi implements SandboxChannel {
  readonly endsWhatIsClosed = false;
  readonly takesStreams = false;
  readonly #server = createServer(
    { maxHeaderSize: headerLimitBytes, keepAliveTimeout: 0, requestTimeout: 0 },
    (request, response) => this.#serve(request, response),
  );
  /** Clients that wait for an event, longest first. */
  readonly #polls = new Set<ServerResponse>();
  /** Invocations that wait for a client, longest first. */
  readonly #queue = new Set<PendingInvocation>();
  /** By the ids that the client knows them by. */
  readonly #delivered = new Map<string, PendingInvocation>();
  /** Given up, but perhaps still answered: clients take a refusal for their end. */
  readonly #givenUp = new Set<string>();
  #events: ChannelEvents | undefined;
  #message: InitMessage | undefined;
  #state: 'booting' | 'loading' | 'ready' | 'closed' = 'booting';

  constructor() {
    this.#server.maxConnections = connectionLimit;
  }

  async listen(fd: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject).listen({ fd }, resolve);
    await promise;
  }

  open(events: ChannelEvents): this {
    this.#events = events;
    queueMicrotask(() => events.onHello()); // nothing of ours has to boot
    return this;
  }

  init(message: InitMessage): void {
    this.#message = message;
    this.#state = 'loading';
    if (this.#polls.size > 0) this.#ready();
  }

  invoke(
    request: InvocationRequest,
    listener: ResponseListener,
    settle: Parameters<SandboxChannel['invoke']>[2],
  ): ChannelInvocation {
    const invocation = new PendingInvocation(request, listener, settle);
    this.#queue.add(invocation);
    invocation.over.addEventListener('abort', () => {
      this.#queue.delete(invocation);
      if (this.#delivered.delete(request.id)) this.#givenUp.add(request.id);
    });
    this.#deliver();
    return invocation;
  }

  soleLog() {
    const all = [...this.#queue, ...this.#delivered.values()];
    return all.length === 1 ? all[0]?.log : undefined;
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    for (const invocation of [...this.#queue, ...this.#delivered.values()]) invocation.close();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** Whatever it is, it must not throw: the sandbox chose what to send. */
  #serve(request: IncomingMessage, response: ServerResponse): void {
    response.on('error', () => {});
    request.on('error', () => {});
    void this.#answer(request, response).catch((error: unknown) => {
      if (error instanceof BodyTooLarge) {
        refuse(response, 413, 'RequestEntityTooLarge', error.message);
      } else {
        response.destroy(); // the client has broken off
      }
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = '' } = request;
    if (method === 'GET' && url === '/ping') return send(response, 200, 'pong');
    if (!url.startsWith(apiPrefix)) return refuse(response, 404, 'NotFound', 'No such path.');
    const path = url.slice(apiPrefix.length);
    if (method === 'GET' && path === 'invocation/next') return this.#next(response);
    if (method === 'POST' && path === 'init/error') return await this.#initError(request, response);
    const [, id = '', what] = answerPath.exec(path) ?? [];
    if (method !== 'POST' || what === undefined) {
      return refuse(response, 404, 'NotFound', 'No such path.');
    }
    if (this.#givenUp.delete(id)) {
      request.resume();
      return accept(response);
    }
    const invocation = this.#delivered.get(id);
    if (!invocation) return refuse(response, 400, 'InvalidRequestID', 'Invalid request ID');
    this.#delivered.delete(id); // an answer is taken once
    try {
      if (what === 'response') await takeResponse(request, invocation);
      else invocation.end(parseLambdaError(await readBody(request, errorLimitBytes)));
    } catch (error) {
      if (error instanceof BodyTooLarge)
        invocation.end({ type: error.type, message: error.message });
      else invocation.broken(brokenOff);
      throw error;
    }
    accept(response);
  }

  #next(response: ServerResponse): void {
    this.#polls.add(response);
    response.on('close', () => this.#polls.delete(response));
    if (this.#state === 'loading') this.#ready();
    this.#deliver();
  }

  #ready(): void {
    this.#state = 'ready';
    this.#events?.onReady();
  }

  async #initError(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const error = parseLambdaError(await readBody(request, errorLimitBytes));
    if (this.#state === 'ready') {
      return refuse(response, 403, 'InvalidStateTransition', 'The runtime is initialized already.');
    }
    accept(response);
    this.#events?.onInitFailed(error);
  }

  #deliver(): void {
    const [invocation] = this.#queue;
    const [response] = this.#polls;
    if (!invocation || !response || !this.#message) return;
    this.#queue.delete(invocation);
    this.#polls.delete(response);
    this.#delivered.set(invocation.request.id, invocation);
    const { headers, body } = nextEvent(invocation.request, this.#message);
    response.writeHead(200, headers).end(body);
  }
}

const brokenOff = {
  type: 'Runtime.BrokenResponse',
  message: 'The runtime broke off in the middle of its answer.',
};

function accept(response: ServerResponse): void {
  send(response, 202, '{"status":"OK"}');
}
