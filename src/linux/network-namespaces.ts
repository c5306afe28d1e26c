import { rm } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { HostError } from '../domain/errors.ts';
import type { NamespaceSockets } from '../domain/network.ts';
import type { Service } from '../domain/service.ts';
import { LinuxError } from './libc.ts';
import { unmount } from './mounts.ts';
import type {
  NamespaceAnswer,
  NamespaceRequest,
  NamespaceTask,
  Place,
} from './namespace-thread.ts';
import { NetlinkSocket, netlinkProtocols } from './netlink.ts';
import type { RemoteAddress, SocketAddress } from './sockets.ts';
import type { VethLink } from './veth.ts';

/** Makes network namespaces, and sockets inside them, in a thread of its own. */
export class NetworkNamespaces implements Service, NamespaceSockets {
  readonly name = 'network namespaces';
  readonly #waiting = new Map<number, PromiseWithResolvers<number>>();
  #thread: Worker | undefined;
  #lastId = 0;

  async start(): Promise<void> {
    const thread = new Worker(new URL('namespace-thread.ts', import.meta.url), {
      trackUnmanagedFds: false, // its sockets are handed over
    });
    thread.on('message', (answer: NamespaceAnswer) => this.#answered(answer));
    thread.on('error', (error) => this.#ended(error));
    thread.on('exit', () => this.#ended(undefined));
    this.#thread = thread;
  }

  async stop(): Promise<void> {
    await this.#thread?.terminate();
  }

  /** A namespace with nothing but its loopback interface, kept alive by a mount at `pinPath`. */
  async create(pinPath: string): Promise<void> {
    await this.#ask({ task: 'create', pinPath });
  }

  /** Idempotent. Processes that still run in it keep it, without a name. */
  async remove(pinPath: string): Promise<void> {
    unmount(pinPath, { detach: true });
    await rm(pinPath, { force: true });
  }

  listenIn(namespace: string, port: number, host = '127.0.0.1'): Promise<number> {
    return this.#ask({ task: 'listen', namespace, address: { host, port } });
  }

  connectIn(namespace: string, port: number): Promise<number> {
    return this.#ask({ task: 'connect', namespace, port });
  }

  /** A socket for datagrams sent to this address inside; the caller owns the descriptor. */
  datagramsIn(namespace: string, address: SocketAddress): Promise<number> {
    return this.#ask({ task: 'datagramsAt', namespace, address });
  }

  /** A socket for datagrams to anywhere; the caller owns the descriptor. */
  datagramsFrom(namespace: Place, family: 4 | 6): Promise<number> {
    return this.#ask({ task: 'datagrams', namespace, family });
  }

  /** A socket that is being connected to anywhere; the caller owns the descriptor. */
  dialFrom(namespace: Place, to: RemoteAddress): Promise<number> {
    return this.#ask({ task: 'dial', namespace, to });
  }

  /** For the kernel's packet filter; whoever gets it disposes of it. */
  async filterSocket(namespace: Place): Promise<NetlinkSocket> {
    const { netfilter: protocol } = netlinkProtocols;
    return new NetlinkSocket(await this.#ask({ task: 'netlink', namespace, protocol }));
  }

  /** For links and their counters; whoever gets it disposes of it. */
  async linksSocket(namespace: Place): Promise<NetlinkSocket> {
    const { route: protocol } = netlinkProtocols;
    return new NetlinkSocket(await this.#ask({ task: 'netlink', namespace, protocol }));
  }

  /** For listing and ending connections; whoever gets it disposes of it. */
  async connectionsSocket(namespace: Place): Promise<NetlinkSocket> {
    const { sockDiag: protocol } = netlinkProtocols;
    return new NetlinkSocket(await this.#ask({ task: 'netlink', namespace, protocol }));
  }

  /** Joins the router's namespace and a sandbox's; the link is gone when either of them is. */
  async link(router: Place, namespace: string, link: VethLink): Promise<void> {
    await this.#ask({ task: 'link', router, namespace, link });
  }

  #ask(task: NamespaceTask): Promise<number> {
    const thread = this.#thread;
    if (!thread) return Promise.reject(notRunning(undefined));
    const id = ++this.#lastId;
    const waiting = Promise.withResolvers<number>();
    this.#waiting.set(id, waiting);
    const request: NamespaceRequest = { id, ...task };
    thread.postMessage(request);
    return waiting.promise;
  }

  #answered(answer: NamespaceAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('result' in answer) waiting?.resolve(answer.result);
    else waiting?.reject(new LinuxError(answer.error.message, answer.error.code));
  }

  #ended(cause: unknown): void {
    this.#thread = undefined;
    for (const waiting of this.#waiting.values()) waiting.reject(notRunning(cause));
    this.#waiting.clear();
  }
}

function notRunning(cause: unknown): HostError {
  return new HostError(
    'unavailable',
    'linux.namespace_thread',
    'The thread that makes network namespaces does not run.',
    { cause },
  );
}
