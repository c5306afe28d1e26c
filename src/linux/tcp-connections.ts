import { LinuxError } from './libc.ts';
import { requestFlags, type NetlinkSocket } from './netlink.ts';

const families = [2, 10]; // AF_INET, AF_INET6
const tcp = 6;
const byFamily = 20; // SOCK_DIAG_BY_FAMILY
const destroy = 21; // SOCK_DESTROY
const requestBytes = 56; // struct inet_diag_req_v2
const idOffset = 8;
const messageIdOffset = 4; // struct inet_diag_msg
const idBytes = 48; // struct inet_diag_sockid
const peerOffset = 20;

/** TCP_ESTABLISHED to TCP_FIN_WAIT2, TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_CLOSING. */
const connectedStates = [1, 2, 3, 4, 5, 8, 9, 11].reduce((bits, state) => bits | (1 << state), 0);

/** Gone in between, or a kernel that cannot do it: then the packet filter has the last word. */
const harmless = new Set(['ENOENT', 'EOPNOTSUPP']);

/**
 * Ends every TCP connection of the socket's namespace that leaves it, as an abort: the peer gets a
 * reset, and whoever reads or writes inside an error at once. Connections within stay.
 */
export function endConnections(socket: NetlinkSocket): void {
  for (const family of families) {
    for (const found of socket.dump({ type: byFamily, body: request(family) }, 'TCP sockets')) {
      const id = found.subarray(messageIdOffset, messageIdOffset + idBytes);
      if (isLoopback(family, id.subarray(peerOffset, peerOffset + 16))) continue;
      end(socket, request(family, id));
    }
  }
}

function end(socket: NetlinkSocket, body: Buffer): void {
  try {
    socket.request([{ type: destroy, flags: requestFlags.ack, body }], 'the end of a connection');
  } catch (error) {
    if (!(error instanceof LinuxError && harmless.has(error.code))) throw error;
  }
}

function request(family: number, id?: Buffer): Buffer {
  const body = Buffer.alloc(requestBytes);
  body.writeUInt8(family, 0);
  body.writeUInt8(tcp, 1);
  body.writeUInt32LE(connectedStates, 4);
  id?.copy(body, idOffset);
  return body;
}

function isLoopback(family: number, peer: Buffer): boolean {
  if (family === 2) return peer[0] === 127;
  const isMapped =
    peer.subarray(0, 10).every((byte) => byte === 0) && peer.readUInt16BE(10) === 0xffff;
  if (isMapped) return peer[12] === 127;
  return peer.subarray(0, 15).every((byte) => byte === 0) && peer[15] === 1;
}
