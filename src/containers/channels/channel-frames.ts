import { Buffer } from 'node:buffer';
import { encodeFrame } from '../../lib/frames.ts';

/** Frame types of the native channel. The manual is runtime/PROTOCOL.md. */
export const toSandbox = {
  init: 0x01,
  invoke: 0x02,
  compiled: 0x03,
  grant: 0x04,
  compile: 0x05,
  body: 0x06,
  bodyEnd: 0x07,
} as const;
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
} as const;

export const protocolVersion = 1;

/** Longest frame that a sandbox may send. */
export const sandboxFrameLimitBytes = 256 * 1024;

/** Longest body of a RESPONSE frame; it travels outside the window. */
export const responseBodyLimitBytes = 64 * 1024;

/** Longest JSON of a PROGRESS frame. */
export const progressLimitBytes = 4 * 1024;

/** Most that the code of one version may be compiled to. A frame to a sandbox can be larger. */
export const compiledLimitBytes = 4 * 1024 * 1024;

export const channelIdBytes = 8;
const lengthBytes = 4;

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

export function initFrame(message: unknown): Buffer {
  return encodeFrame(toSandbox.init, json(message));
}

export function compiledFrame(code: Uint8Array): Buffer {
  return encodeFrame(toSandbox.compiled, code);
}

export function compileFrame(message: unknown): Buffer {
  return encodeFrame(toSandbox.compile, json(message));
}

export function invokeFrame(id: Buffer, head: unknown, body: Uint8Array): Buffer {
  const headBytes = json(head);
  return encodeFrame(toSandbox.invoke, id, uint32(headBytes.length), headBytes, body);
}

export function bodyFrame(id: Buffer, piece: Uint8Array): Buffer {
  return encodeFrame(toSandbox.body, id, piece);
}

export function bodyEndFrame(id: Buffer): Buffer {
  return encodeFrame(toSandbox.bodyEnd, id);
}

export function grantFrame(id: Buffer, bytes: number): Buffer {
  return encodeFrame(toSandbox.grant, id, uint32(bytes));
}

/** Splits what follows the id of a RESPONSE. @throws RangeError when it is cut short. */
export function splitHead(payload: Buffer): { readonly head: Buffer; readonly body: Buffer } {
  const headEnd = lengthBytes + payload.readUInt32BE(0);
  if (headEnd > payload.length) throw new RangeError('a head longer than its frame');
  return { head: payload.subarray(lengthBytes, headEnd), body: payload.subarray(headEnd) };
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(lengthBytes);
  bytes.writeUInt32BE(value);
  return bytes;
}
