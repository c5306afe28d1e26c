import {
  connect,
  createServer,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
} from 'node:tls';
import type { Socket } from 'node:net';

/**
 * Both ends prove with one handshake that they have the cluster key, and nobody else can read or
 * change what they say, later neither (RFC 8442). This cipher suite knows no certificates: no other
 * proof than the key can be agreed on.
 */
const channel = {
  ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
} as const satisfies SecureContextOptions;

const identity = 'hearth';

/** For a peer that connects and proves nothing. */
const handshakeTimeoutMs = 5_000;

/** Of all gateways' and nodes' connections; more than that is no cluster. */
const maxConnections = 4_096;

/** `onConnection` gets those alone that have the key. */
export function listenWithKey(
  key: Buffer,
  onConnection: (socket: Socket) => void,
  onRefused: (error: Error, address: string | undefined) => void,
): Server {
  const server = createServer(
    {
      ...channel,
      handshakeTimeout: handshakeTimeoutMs,
      pskCallback: (_socket, name) => (name === identity ? key : null),
    },
    onConnection,
  );
  server.maxConnections = maxConnections;
  server.on('tlsClientError', (error, socket) => onRefused(error, socket.remoteAddress));
  return server;
}

/** What is written before the other end has proved that it has the key waits for that. */
export function connectWithKey(key: Buffer, host: string, port: number): TLSSocket {
  return connect({
    ...channel,
    host,
    port,
    pskCallback: () => ({ psk: key, identity }),
    checkServerIdentity: () => undefined, // there are no certificates: the key is the identity
  });
}
