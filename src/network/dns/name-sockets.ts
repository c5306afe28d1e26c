import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { withLength } from './with-length.ts';

/** Where a sandbox's C library finds its name server. */
export const nameServerAddress = { host: '127.0.0.53', port: 53 } as const;

/** Longer questions do not exist. */
const messageLimitBytes = 512;
const connectionsLimit = 16;
const silenceLimitMs = 5000;

export type Answerer = (message: Buffer) => Promise<Buffer | undefined>;

/** Serves DNS on sockets that were made inside a sandbox's namespace. Owns and closes them. */
export async function serveNames(
  sockets: { readonly datagrams: number; readonly listener: number },
  answer: Answerer,
): Promise<AsyncDisposable> {
  const udp = createSocket('udp4');
  udp.on('error', () => {}); // a peer that is gone
  udp.on('message', (message, { address, port }) => {
    if (message.length > messageLimitBytes) return;
    void answer(message).then((bytes) => bytes && !closed && udp.send(bytes, port, address));
  });
  let closed = false;
  udp.bind({ fd: sockets.datagrams });
  const connections = new Set<Socket>();
  const tcp = createServer((socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    void converse(socket, answer);
  });
  tcp.maxConnections = connectionsLimit;
  tcp.listen({ fd: sockets.listener });
  await once(tcp, 'listening');
  return {
    [Symbol.asyncDispose]: async () => {
      if (closed) return;
      closed = true;
      udp.close();
      for (const socket of connections) socket.destroy();
      tcp.close();
      await once(tcp, 'close');
    },
  };
}

/** Over TCP each message has its length before it. One at a time. */
async function converse(socket: Socket, answer: Answerer): Promise<void> {
  socket.setTimeout(silenceLimitMs, () => socket.destroy());
  let pending = Buffer.alloc(0);
  try {
    for await (const piece of socket as AsyncIterable<Buffer>) {
      pending = Buffer.concat([pending, piece]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const length = pending.readUInt16BE(0);
        const bytes = await answer(pending.subarray(2, 2 + length));
        pending = pending.subarray(2 + length);
        if (bytes) socket.write(withLength(bytes));
      }
      if (pending.length > messageLimitBytes) break;
    }
  } catch {
    // The connection broke off: nobody is left to tell.
  } finally {
    socket.destroy();
  }
}
