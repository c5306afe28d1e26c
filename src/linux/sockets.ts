import { closeSync } from 'node:fs';
import { calls, check, LinuxError } from './libc.ts';

const inet = 2; // AF_INET
const stream = 1; // SOCK_STREAM
const closeOnExec = 0o2000000; // SOCK_CLOEXEC
const nonBlocking = 0o4000; // O_NONBLOCK
const setFlags = 4; // F_SETFL
const socketLevel = 1; // SOL_SOCKET
const reuseAddress = 2; // SO_REUSEADDR
const setInterfaceFlags = 0x8914; // SIOCSIFFLAGS
const interfaceUp = 1; // IFF_UP
const backlog = 128;

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

/** A socket that listens on 127.0.0.1; the caller owns the descriptor. */
export function socketListening(port: number): number {
  return withSocket((fd) => {
    const on = Buffer.from([1, 0, 0, 0]);
    check(calls.setsockopt(fd, socketLevel, reuseAddress, on, on.length), 'setsockopt', 'reuse');
    const address = loopbackAddress(port);
    check(calls.bind(fd, address, address.length), 'bind', `127.0.0.1:${port}`);
    check(calls.listen(fd, backlog), 'listen', `127.0.0.1:${port}`);
  });
}

/**
 * A socket connected to 127.0.0.1; the caller owns it. Loopback has the answer when the first call
 * returns, and the second tells it. Where there is none (EALREADY) somebody listens who does not
 * take connections now: that is not waited for, as it could be on purpose.
 */
export function socketConnected(port: number): number {
  return withSocket((fd) => {
    const address = loopbackAddress(port);
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

function withSocket(setUp: (fd: number) => void): number {
  const fd = newSocket();
  try {
    check(calls.fcntl(fd, setFlags, nonBlocking), 'fcntl', 'O_NONBLOCK');
    setUp(fd);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function newSocket(): number {
  return check(calls.socket(inet, stream | closeOnExec, 0), 'socket', 'AF_INET');
}

/** struct sockaddr_in: the family in the machine's byte order, port and address in the network's. */
function loopbackAddress(port: number): Buffer {
  const address = Buffer.alloc(16);
  address.writeUInt16LE(inet, 0);
  address.writeUInt16BE(port, 2);
  address.set([127, 0, 0, 1], 4);
  return address;
}
