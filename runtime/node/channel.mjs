import { Socket } from 'node:net';

/** The bootstrap's end of the native channel; the manual is PROTOCOL.md. */

export const fromHost = { init: 0x01, invoke: 0x02, grant: 0x04 };
export const toHost = {
  hello: 0x11,
  ready: 0x12,
  initFailed: 0x13,
  response: 0x14,
  head: 0x15,
  chunk: 0x16,
  end: 0x17,
  error: 0x18,
  log: 0x19,
};

const channelDescriptor = 3;
const headerBytes = 5;
const idBytes = 8;

/** The id of output that belongs to no invocation. */
export const noInvocation = Buffer.alloc(idBytes);

export class Channel {
  #socket = new Socket({ fd: channelDescriptor });
  #rest = Buffer.alloc(0);
  #isCorked = false;

  /** @param {(type: number, payload: Buffer) => void} onFrame */
  constructor(onFrame) {
    this.#socket.on('data', (chunk) => this.#receive(chunk, onFrame));
    this.#socket.on('close', () => process.exit(0)); // the host is done with us
    this.#socket.on('error', () => {});
  }

  /**
   * Frames of one turn of the event loop go out as one write.
   * @param {number} type
   * @param {...Uint8Array} parts
   */
  send(type, ...parts) {
    const header = Buffer.allocUnsafe(headerBytes);
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    header.writeUInt32BE(bytes + 1, 0);
    header.writeUInt8(type, 4);
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#isCorked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(header);
    for (const part of parts) this.#socket.write(part);
  }

  /** @param {number} code */
  exitOnceSent(code) {
    this.#socket.write('', () => process.exit(code));
  }

  /**
   * @param {Buffer} chunk
   * @param {(type: number, payload: Buffer) => void} onFrame
   */
  #receive(chunk, onFrame) {
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    while (bytes.length >= headerBytes) {
      const end = 4 + bytes.readUInt32BE(0);
      if (bytes.length < end) break;
      const type = bytes.readUInt8(4);
      const payload = bytes.subarray(headerBytes, end);
      bytes = bytes.subarray(end);
      onFrame(type, payload);
    }
    this.#rest = bytes;
  }
}

/** @param {unknown} value */
export const json = (value) => Buffer.from(JSON.stringify(value));

/**
 * Id, head and body of an INVOKE frame.
 * @param {Buffer} payload
 */
export function splitInvoke(payload) {
  const headEnd = idBytes + 4 + payload.readUInt32BE(idBytes);
  return {
    id: payload.subarray(0, idBytes),
    head: JSON.parse(payload.toString('utf8', idBytes + 4, headEnd)),
    body: payload.subarray(headEnd),
  };
}

/**
 * @param {Buffer} payload of a GRANT frame
 */
export function splitGrant(payload) {
  return { id: payload.subarray(0, idBytes), bytes: payload.readUInt32BE(idBytes) };
}
