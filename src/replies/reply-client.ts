import { connect, Socket } from 'node:net';
import { HostError } from '../domain/errors.ts';
import type { InvocationId, NodeId } from '../domain/ids.ts';
import type { Logger } from '../domain/logger.ts';
import type { ReplySender, ReplyStream } from '../domain/reply.ts';
import type { Service } from '../domain/service.ts';
import { connectWithKey } from './cluster-channel.ts';
import { FrameLink } from './frame-link.ts';
import { OutgoingReply } from './outgoing-reply.ts';
import { parseReplyAddress } from './reply-address.ts';
import { decodeId, encodeId, encodeJson, frame, idBytes } from './reply-frames.ts';

export interface ReplyClientOptions {
  readonly node: NodeId;
  /** For gateways on other machines; without it nothing is sent to them. */
  readonly clusterKey?: Buffer | undefined;
  readonly logger: Logger;
}

/** A connection to one gateway, with the invocations that are on their way over it. */
interface GatewayLink {
  readonly link: FrameLink;
  readonly replies: Map<InvocationId, OutgoingReply>;
}

/** The worker's end: one connection for each gateway, opened when first needed. */
export class ReplyClient implements ReplySender, Service {
  readonly name = 'reply client';
  readonly #options: ReplyClientOptions;
  readonly #gateways = new Map<string, GatewayLink>();

  constructor(options: ReplyClientOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {}

  /** Hands what is still to be sent to the kernel, unless a gateway does not take it in time. */
  async stop(grace: AbortSignal): Promise<void> {
    const closed = [...this.#gateways.values()].map(({ link }) => link.end(grace));
    await Promise.all(closed);
  }

  open(replyTo: string, id: InvocationId): ReplyStream {
    const { link, replies } = this.#gateways.get(replyTo) ?? this.#connect(replyTo);
    const reply = new OutgoingReply(link, encodeId(id), () => replies.delete(id));
    replies.set(id, reply);
    return reply;
  }

  #connect(replyTo: string): GatewayLink {
    const { node, logger } = this.#options;
    const replies = new Map<InvocationId, OutgoingReply>();
    const link = new FrameLink(this.#socketTo(replyTo), {
      onFrame: (type, payload) =>
        replies.get(decodeId(payload))?.received(type, payload.subarray(idBytes)),
      onClose: (error) => {
        this.#gateways.delete(replyTo);
        if (error) logger.warn({ error, replyTo }, 'The connection to a gateway broke.');
        for (const reply of replies.values()) reply.lost();
      },
    });
    link.send(frame.hello, encodeJson({ node }));
    const gateway = { link, replies };
    this.#gateways.set(replyTo, gateway);
    return gateway;
  }

  #socketTo(replyTo: string): Socket {
    const address = parseReplyAddress(replyTo);
    if ('path' in address) return connect(address);
    const { clusterKey } = this.#options;
    if (clusterKey) return connectWithKey(clusterKey, address.host, address.port);
    return new Socket().destroy(noKey());
  }
}

const noKey = (): HostError =>
  new HostError(
    'invalid',
    'replies.no_cluster_key',
    "A gateway on another machine is only answered with its cluster key: copy cluster.key from the gateway's data folder into this one's.",
  );
