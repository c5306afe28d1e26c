/** Frames of the native channel; the manual is PROTOCOL.md. */

export const fromHost = {
  init: 0x01,
  invoke: 0x02,
  compiled: 0x03,
  grant: 0x04,
  compile: 0x05,
  body: 0x06,
  bodyEnd: 0x07,
};
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
  compiled: 0x1a,
  bodyGrant: 0x1b,
  progress: 0x1c,
};

const lengthBytes = 4;
const headerBytes = lengthBytes + 1;
const idBytes = 8;

/** The id of output that belongs to no invocation. */
export const noInvocation = Buffer.alloc(idBytes);

/** @param {unknown} value */
export const json = (value) => Buffer.from(JSON.stringify(value));

/** @param {number} value */
export function uint32(value) {
  const bytes = Buffer.allocUnsafe(lengthBytes);
  bytes.writeUInt32BE(value);
  return bytes;
}

/**
 * What goes before a payload.
 * @param {number} type
 * @param {number} payloadBytes
 */
export function frameHeader(type, payloadBytes) {
  const header = Buffer.allocUnsafe(headerBytes);
  header.writeUInt32BE(payloadBytes + 1);
  header.writeUInt8(type, lengthBytes);
  return header;
}

/** Cuts what the host sends into frames. A long frame is put together once, when it is all there. */
export class FrameDecoder {
  #onFrame;
  /** @type {Buffer[]} */
  #pieces = [];
  #pendingBytes = 0;
  #neededBytes = headerBytes;

  /** @param {(type: number, payload: Buffer) => void} onFrame */
  constructor(onFrame) {
    this.#onFrame = onFrame;
  }

  /** @param {Buffer} chunk */
  push(chunk) {
    this.#pieces.push(chunk);
    this.#pendingBytes += chunk.length;
    if (this.#pendingBytes < this.#neededBytes) return;
    let rest = this.#pieces.length > 1 ? Buffer.concat(this.#pieces) : chunk;
    this.#neededBytes = headerBytes;
    while (rest.length >= headerBytes) {
      const end = lengthBytes + rest.readUInt32BE();
      if (rest.length < end) {
        this.#neededBytes = end;
        break;
      }
      this.#onFrame(rest.readUInt8(lengthBytes), rest.subarray(headerBytes, end));
      rest = rest.subarray(end);
    }
    this.#pieces = rest.length > 0 ? [rest] : [];
    this.#pendingBytes = rest.length;
  }
}

/**
 * Id, head and body of an INVOKE frame.
 * @param {Buffer} payload
 */
export function splitInvoke(payload) {
  const headStart = idBytes + lengthBytes;
  const headEnd = headStart + payload.readUInt32BE(idBytes);
  return {
    id: payload.subarray(0, idBytes),
    head: JSON.parse(payload.toString('utf8', headStart, headEnd)),
    body: payload.subarray(headEnd),
  };
}

/** @param {Buffer} payload of a GRANT frame */
export function splitGrant(payload) {
  return { id: payload.subarray(0, idBytes), bytes: payload.readUInt32BE(idBytes) };
}

/** @param {Buffer} payload of a BODY or BODY_END frame */
export function splitBody(payload) {
  return { id: payload.subarray(0, idBytes), piece: payload.subarray(idBytes) };
}
