import { closeSync } from 'node:fs';
import { calls, check, errnoName, LinuxError } from './libc.ts';

const netlink = 16; // AF_NETLINK
const raw = 3; // SOCK_RAW
const closeOnExec = 0o2000000; // SOCK_CLOEXEC
const socketLevel = 1; // SOL_SOCKET
const receiveTimeout = 20; // SO_RCVTIMEO
const headerBytes = 16; // struct nlmsghdr
const receiveBytes = 64 * 1024;

/** The kernel answers while it is asked; a second passes only when something is badly wrong. */
const answerLimitSeconds = 1;

export const netlinkProtocols = { route: 0, sockDiag: 4, netfilter: 12 } as const;
export type NetlinkProtocol = (typeof netlinkProtocols)[keyof typeof netlinkProtocols];

/** Flags of a request: NLM_F_*. */
export const requestFlags = {
  request: 1,
  ack: 4,
  dump: 0x300,
  create: 0x400,
  excl: 0x200,
} as const;

const errorType = 2; // NLMSG_ERROR
const doneType = 3; // NLMSG_DONE
const nested = 0x8000; // NLA_F_NESTED

export interface NetlinkMessage {
  readonly type: number;
  readonly flags?: number;
  readonly body: Buffer;
}

/** One attribute: its length and type, its content, padded to 4 bytes. */
export function attribute(type: number, content: Buffer): Buffer {
  const buffer = Buffer.alloc(4 + align(content.length));
  buffer.writeUInt16LE(4 + content.length, 0);
  buffer.writeUInt16LE(type, 2);
  content.copy(buffer, 4);
  return buffer;
}

export function nest(type: number, ...attributes: readonly Buffer[]): Buffer {
  return attribute(type | nested, Buffer.concat(attributes));
}

export const text = (type: number, value: string): Buffer =>
  attribute(type, Buffer.from(`${value}\0`));

/** In the machine's byte order. */
export const u32 = (type: number, value: number): Buffer => {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return attribute(type, buffer);
};

/** Those that follow one another in a message, or in one that holds others. */
export function attributesOf(bytes: Buffer): { readonly type: number; readonly content: Buffer }[] {
  const found = [];
  for (let offset = 0; offset + 4 <= bytes.length;) {
    const length = bytes.readUInt16LE(offset);
    if (length < 4) break;
    const type = bytes.readUInt16LE(offset + 2) & ~nested;
    found.push({ type, content: bytes.subarray(offset + 4, offset + length) });
    offset += align(length);
  }
  return found;
}

export const align = (length: number): number => (length + 3) & ~3;

/** A netlink socket of this thread's network namespace; whoever gets the number owns it. */
export function openNetlink(protocol: NetlinkProtocol): number {
  const fd = check(calls.socket(netlink, raw | closeOnExec, protocol), 'socket', 'AF_NETLINK');
  const limit = Buffer.alloc(16); // struct timeval
  limit.writeBigInt64LE(BigInt(answerLimitSeconds));
  check(
    calls.setsockopt(fd, socketLevel, receiveTimeout, limit, limit.length),
    'setsockopt',
    'SO_RCVTIMEO',
  );
  return fd;
}

/**
 * Asks the kernel and waits for its answer, which comes within microseconds: calls are synchronous.
 * A socket speaks of the namespace in which it was made, whichever thread uses it.
 */
export class NetlinkSocket implements Disposable {
  readonly #fd: number;
  readonly #received = Buffer.alloc(receiveBytes);
  #sequence = 0;
  #closed = false;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** All of them in one go. @throws LinuxError of the first that was refused; `what` says which. */
  request(messages: readonly NetlinkMessage[], what: string): void {
    const expected = messages.filter(({ flags = 0 }) => flags & requestFlags.ack).length;
    const first = this.#sequence + 1;
    this.#send(messages);
    let answers = 0;
    let refusal: number | undefined;
    while (answers < expected) {
      for (const { type, sequence, body } of this.#receive(what)) {
        if (type !== errorType || sequence < first) continue; // of a request that gave up waiting
        answers += 1;
        const errno = -body.readInt32LE(0);
        if (errno !== 0) refusal ??= errno;
      }
      if (refusal !== undefined) break;
    }
    if (refusal !== undefined) throw refused(what, refusal);
  }

  /** The one thing that is asked for. @throws LinuxError. */
  get(message: NetlinkMessage, what: string): Buffer {
    const asked = this.#sequence + 1;
    this.#send([message]);
    for (;;) {
      for (const { type, sequence, body } of this.#receive(what)) {
        if (sequence < asked) continue;
        if (type === errorType) throw refused(what, -body.readInt32LE(0));
        return Buffer.from(body);
      }
    }
  }

  /** Everything that the kernel lists. */
  dump(message: NetlinkMessage, what: string): Buffer[] {
    const first = this.#sequence + 1;
    this.#send([{ ...message, flags: (message.flags ?? 0) | requestFlags.dump }]);
    const found: Buffer[] = [];
    for (;;) {
      for (const { type, sequence, body } of this.#receive(what)) {
        if (sequence < first) continue;
        if (type === doneType) return found;
        if (type === errorType) throw refused(what, -body.readInt32LE(0));
        found.push(Buffer.from(body));
      }
    }
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#fd);
  }

  #send(messages: readonly NetlinkMessage[]): void {
    const bytes = Buffer.concat(
      messages.map(({ type, flags = 0, body }) => {
        const buffer = Buffer.alloc(headerBytes + align(body.length));
        buffer.writeUInt32LE(headerBytes + body.length, 0);
        buffer.writeUInt16LE(type, 4);
        buffer.writeUInt16LE(flags | requestFlags.request, 6);
        buffer.writeUInt32LE((this.#sequence += 1), 8);
        body.copy(buffer, headerBytes);
        return buffer;
      }),
    );
    check(calls.send(this.#fd, bytes, bytes.length, 0), 'send', 'netlink');
  }

  *#receive(what: string): Iterable<{ type: number; sequence: number; body: Buffer }> {
    const length = check(
      calls.recv(this.#fd, this.#received, this.#received.length, 0),
      'recv',
      what,
    );
    for (let offset = 0; offset + headerBytes <= length;) {
      const size = this.#received.readUInt32LE(offset);
      yield {
        type: this.#received.readUInt16LE(offset + 4),
        sequence: this.#received.readUInt32LE(offset + 8),
        body: this.#received.subarray(offset + headerBytes, offset + size),
      };
      offset += align(size);
    }
  }
}

function refused(what: string, errno: number): LinuxError {
  const code = errnoName(errno);
  return new LinuxError(`${what} was refused: ${code}`, code);
}
