import { rm } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { HostError } from '../domain/errors.ts';
import type { NamespaceSockets } from '../domain/network.ts';
import type { Service } from '../domain/service.ts';
import { LinuxError } from './libc.ts';
import { unmount } from './mounts.ts';
import type { NamespaceAnswer, NamespaceRequest, NamespaceTask } from './namespace-thread.ts';

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

  listenIn(namespace: string, port: number): Promise<number> {
    return this.#ask({ task: 'listen', namespace, port });
  }

  connectIn(namespace: string, port: number): Promise<number> {
    return this.#ask({ task: 'connect', namespace, port });
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
