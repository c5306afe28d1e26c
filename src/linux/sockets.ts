import { closeSync } from 'node:fs';
import { calls, check, LinuxError } from './libc.ts';

const inet = 2; // AF_INET
const inet6 = 10; // AF_INET6
const stream = 1; // SOCK_STREAM
const datagram = 2; // SOCK_DGRAM
const closeOnExec = 0o2000000; // SOCK_CLOEXEC
const nonBlocking = 0o4000; // O_NONBLOCK
const setFlags = 4; // F_SETFL
const socketLevel = 1; // SOL_SOCKET
const reuseAddress = 2; // SO_REUSEADDR
const setInterfaceFlags = 0x8914; // SIOCSIFFLAGS
const getInterfaceIndex = 0x8933; // SIOCGIFINDEX
const interfaceUp = 1; // IFF_UP
const backlog = 128;

/** IPv4: all that the host serves inside a sandbox has such an address. */
export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

/** Of either family, anywhere. */
export interface RemoteAddress {
  readonly family: 4 | 6;
  /** In the order of the network. */
  readonly bytes: Uint8Array;
  readonly port: number;
}

/** Sets the loopback interface of this thread's network namespace to work. */
export function loopbackUp(): void {
  const fd = newSocket();
  try {
    const request = Buffer.alloc(40); // struct ifreq: a name of 16 bytes, then the flags
    request.write('lo');
    request.writeInt16LE(interfaceUp, 16);
    check(calls.ioctl(fd, setInterfaceFlags, request), 'ioctl', 'SIOCSIFFLAGS lo');
  } finally {
    closeSync(fd);
  }
}

/** By which the kernel knows an interface of this thread's network namespace. */
export function interfaceIndex(name: string): number {
  const fd = newSocket();
  try {
    const request = Buffer.alloc(40);
    request.write(name);
    check(calls.ioctl(fd, getInterfaceIndex, request), 'ioctl', `SIOCGIFINDEX ${name}`);
    return request.readInt32LE(16);
  } finally {
    closeSync(fd);
  }
}

/** A socket that listens; the caller owns the descriptor. */
export function socketListening({ host, port }: SocketAddress): number {
  return withSocket(newSocket(), (fd) => {
    const on = Buffer.from([1, 0, 0, 0]);
    check(calls.setsockopt(fd, socketLevel, reuseAddress, on, on.length), 'setsockopt', 'reuse');
    bind(fd, { host, port });
    check(calls.listen(fd, backlog), 'listen', `${host}:${port}`);
  });
}

/** A socket for datagrams to an address; the caller owns the descriptor. */
export function datagramSocketAt(address: SocketAddress): number {
  return withSocket(newSocket(inet, datagram), (fd) => bind(fd, address));
}

/** A socket for datagrams to anywhere, from a port that the kernel picks; the caller owns it. */
export function datagramSocket(family: 4 | 6): number {
  return withSocket(newSocket(family === 4 ? inet : inet6, datagram), () => {});
}

/**
 * A socket connected to 127.0.0.1; the caller owns it. Loopback has the answer when the first call
 * returns, and the second tells it. Where there is none (EALREADY) somebody listens who does not
 * take connections now: that is not waited for, as it could be on purpose.
 */
export function socketConnected(port: number): number {
  return withSocket(newSocket(), (fd) => {
    const address = addressOf({ host: '127.0.0.1', port });
    const connect = () =>
      check(calls.connect(fd, address, address.length), 'connect', `127.0.0.1:${port}`);
    try {
      connect();
    } catch (error) {
      if (!(error instanceof LinuxError && error.code === 'EINPROGRESS')) throw error;
      connect();
    }
  });
}

/**
 * A socket that is being connected; the caller owns it. What is written waits for the connection,
 * and fails if there is none.
 */
export function socketConnecting({ family, bytes, port }: RemoteAddress): number {
  return withSocket(newSocket(family === 4 ? inet : inet6), (fd) => {
    const address = Buffer.alloc(family === 4 ? 16 : 28); // struct sockaddr_in or sockaddr_in6
    address.writeUInt16LE(family === 4 ? inet : inet6, 0);
    address.writeUInt16BE(port, 2);
    address.set(bytes, family === 4 ? 4 : 8);
    try {
      check(calls.connect(fd, address, address.length), 'connect', `port ${port}`);
    } catch (error) {
      if (!(error instanceof LinuxError && error.code === 'EINPROGRESS')) throw error;
    }
  });
}

function withSocket(fd: number, setUp: (fd: number) => void): number {
  try {
    check(calls.fcntl(fd, setFlags, nonBlocking), 'fcntl', 'O_NONBLOCK');
    setUp(fd);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function newSocket(family = inet, type = stream): number {
  return check(calls.socket(family, type | closeOnExec, 0), 'socket', `family ${family}`);
}

function bind(fd: number, { host, port }: SocketAddress): void {
  const address = addressOf({ host, port });
  check(calls.bind(fd, address, address.length), 'bind', `${host}:${port}`);
}

/** struct sockaddr_in: the family in the machine's byte order, port and address in the network's. */
function addressOf({ host, port }: SocketAddress): Buffer {
  const address = Buffer.alloc(16);
  address.writeUInt16LE(inet, 0);
  address.writeUInt16BE(port, 2);
  address.set(host.split('.').map(Number), 4);
  return address;
}
