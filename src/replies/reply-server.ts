import { chmod, mkdir, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { HostError, toHostError } from '../domain/errors.ts';
import type { InvocationId, NodeId } from '../domain/ids.ts';
import type { BodyStream } from '../domain/invocation.ts';
import type { Logger } from '../domain/logger.ts';
import type { NodeWatcher, PendingReply, ReplyListener, ReplyReceiver } from '../domain/reply.ts';
import type { Service } from '../domain/service.ts';
import { WindowSender } from '../lib/window-sender.ts';
import { listenWithKey } from './cluster-channel.ts';
import { FrameLink } from './frame-link.ts';
import { parseReplyAddress } from './reply-address.ts';
import {
  decodeEnd,
  decodeHello,
  decodeId,
  encodeId,
  frame,
  idBytes,
  uint32,
  type HeadMessage,
} from './reply-frames.ts';

export interface ReplyServerOptions {
  /** `unix:/path`, or `tcp:host:port` where port 0 takes a free one. */
  readonly listen: string;
  /** Needed over TCP: who connects without it is not heard. */
  readonly clusterKey?: Buffer | undefined;
  readonly logger: Logger;
}

interface Expected {
  readonly node: NodeId;
  readonly listener: ReplyListener;
  readonly body: Uint8Array | BodyStream | undefined;
  /** Once the worker has asked for the body. */
  sender?: WindowSender;
  /** The link on which the worker has spoken of it. */
  link?: FrameLink;
}

/** The gateway's end: workers connect, and answer what is expected of them. */
export class ReplyServer implements ReplyReceiver, Service {
  readonly name = 'reply server';
  readonly #options: ReplyServerOptions;
  readonly #server: Server;
  /** Each with the node at its other end, once that has said its name. */
  readonly #links = new Map<FrameLink, NodeId | undefined>();
  readonly #expected = new Map<InvocationId, Expected>();
  #watcher: NodeWatcher | undefined;
  #address = '';

  constructor(options: ReplyServerOptions) {
    this.#options = options;
    this.#server = this.#createServer();
  }

  get address(): string {
    return this.#address;
  }

  /** @throws HostError `conflict` when another gateway answers on the same socket. */
  async start(): Promise<void> {
    const listen = parseReplyAddress(this.#options.listen);
    const path = 'path' in listen ? listen.path : undefined;
    if (path !== undefined) {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      if (await answers(path)) throw inUse(path);
      await rm(path, { force: true }); // of a gateway that was killed
    }
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(listen, resolve);
    });
    this.#server.on('error', (error) =>
      this.#options.logger.error({ error }, 'A worker could not connect to this gateway.'),
    );
    if (path === undefined) {
      const { address, port } = this.#server.address() as AddressInfo;
      this.#address = `tcp:${address}:${port}`;
    } else {
      await chmod(path, 0o600);
      this.#address = this.#options.listen;
    }
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const link of this.#links.keys()) link.close();
    await closed;
  }

  expect(
    id: InvocationId,
    node: NodeId,
    body: Uint8Array | BodyStream | undefined,
    listener: ReplyListener,
  ): PendingReply {
    const expected: Expected = { node, listener, body };
    this.#expected.set(id, expected);
    return {
      grant: (bytes) => expected.link?.send(frame.grant, encodeId(id), uint32(bytes)),
      cancel: () => {
        if (this.#expected.get(id) !== expected) return;
        this.#forget(id);
        // A worker that has not spoken of it yet may be running it all the same.
        const links = expected.link ? [expected.link] : this.#linksOf(node);
        for (const link of links) link.send(frame.cancel, encodeId(id));
      },
    };
  }

  giveUp(node: NodeId, ids: ReadonlySet<InvocationId>): void {
    if (this.#linksOf(node).length > 0) return;
    this.#end((expected, id) => ids.has(id) && expected.node === node && !expected.link);
  }

  watch(watcher: NodeWatcher): void {
    this.#watcher = watcher;
  }

  /** @throws HostError `invalid` for TCP without a key. */
  #createServer(): Server {
    const { listen, clusterKey, logger } = this.#options;
    const connected = (socket: Socket) => this.#connected(socket);
    if ('path' in parseReplyAddress(listen)) return createServer(connected);
    if (!clusterKey) throw noClusterKey(listen);
    return listenWithKey(clusterKey, connected, (error, from) =>
      logger.warn({ error, from }, 'Someone without the cluster key tried to connect.'),
    );
  }

  #connected(socket: Socket): void {
    const link: FrameLink = new FrameLink(socket, {
      onFrame: (type, payload) => {
        if (type === frame.hello) this.#greeted(link, decodeHello(payload));
        else this.#received(link, type, payload);
      },
      onClose: (error) => {
        const node = this.#links.get(link);
        this.#links.delete(link);
        if (error) this.#options.logger.warn({ error, node }, 'A reply connection broke.');
        this.#end((expected) => expected.link === link);
        if (node !== undefined) this.#watcher?.onLost(node);
      },
    });
    this.#links.set(link, undefined);
  }

  #greeted(link: FrameLink, node: NodeId): void {
    this.#links.set(link, node);
    this.#watcher?.onConnected(node);
  }

  #linksOf(node: NodeId): FrameLink[] {
    return [...this.#links].filter(([, name]) => name === node).map(([link]) => link);
  }

  #received(link: FrameLink, type: number, payload: Buffer): void {
    const id = decodeId(payload);
    const expected = this.#expected.get(id);
    if (!expected) {
      // The caller left before the worker had begun: it is told now.
      if (type === frame.head || type === frame.bodyGrant) link.send(frame.cancel, encodeId(id));
      return;
    }
    expected.link = link;
    this.#tell(id, expected, type, payload.subarray(idBytes));
  }

  #tell(id: InvocationId, expected: Expected, type: number, content: Buffer): void {
    const { listener } = expected;
    switch (type) {
      case frame.head: {
        const { head, info } = JSON.parse(content.toString()) as HeadMessage;
        return listener.onHead(head, info);
      }
      case frame.chunk:
        return listener.onChunk(content);
      case frame.end: {
        const { result, info } = decodeEnd(content);
        this.#forget(id);
        return listener.onEnd(result, info);
      }
      case frame.answer: {
        const headEnd = 4 + content.readUInt32BE(0);
        const { head, info } = JSON.parse(content.toString('utf8', 4, headEnd)) as HeadMessage;
        this.#forget(id);
        listener.onHead(head, info);
        if (headEnd < content.length) listener.onChunk(content.subarray(headEnd));
        return listener.onEnd({ kind: 'ok' }, info);
      }
      case frame.bodyGrant:
        expected.sender ??= this.#sendBody(id, expected);
        return expected.sender.grant(content.readUInt32BE(0));
      default:
        throw new TypeError(`a worker sent a frame of the unknown type ${type}`);
    }
  }

  #sendBody(id: InvocationId, { link, body, listener, node }: Expected): WindowSender {
    const key = encodeId(id);
    const sender = new WindowSender(body ?? nothing, (piece) => link?.send(frame.body, key, piece));
    sender.run().then(
      () => sender.isStopped || link?.send(frame.bodyEnd, key),
      (error: unknown) => {
        if (!this.#forget(id)) return;
        link?.send(frame.cancel, key);
        listener.onEnd(toHostError(error), { node, timings: {} });
      },
    );
    return sender;
  }

  /** Nothing is expected of it any more, nor sent. False: so it was already. */
  #forget(id: InvocationId): boolean {
    this.#expected.get(id)?.sender?.stop();
    return this.#expected.delete(id);
  }

  /** Ends those that nobody will answer any more. */
  #end(isLost: (expected: Expected, id: InvocationId) => boolean): void {
    for (const [id, expected] of this.#expected) {
      if (!isLost(expected, id)) continue;
      this.#forget(id);
      expected.listener.onEnd(workerLost(), { node: expected.node, timings: {} });
    }
  }
}

const nothing = new Uint8Array(0);

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

function inUse(path: string): HostError {
  return new HostError(
    'conflict',
    'replies.in_use',
    `Another gateway listens on ${path}. Stop it, or use another data folder.`,
  );
}

const noClusterKey = (listen: string): HostError =>
  new HostError(
    'invalid',
    'replies.no_cluster_key',
    `Workers of other machines cannot be served on ${listen} without a cluster key.`,
  );

function workerLost(): HostError {
  return new HostError(
    'unavailable',
    'worker.lost',
    'The worker node was lost while it ran the invocation; it may have run in part.',
    { retryAfterMs: 1000 },
  );
}
