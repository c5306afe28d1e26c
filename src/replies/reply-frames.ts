import { HostError, type ErrorCode } from '../domain/errors.ts';
import type { InvocationId, NodeId } from '../domain/ids.ts';
import type { InvocationOutcome, ResponseHead } from '../domain/invocation.ts';
import type { StartInfo } from '../domain/reply.ts';
import { FrameError } from '../lib/frames.ts';

/**
 * The wire between workers and gateways. A worker connects and says HELLO; then both send frames
 * (src/lib/frames.ts) about invocations, each beginning with the 16 bytes of the invocation's id:
 *
 *   worker → gateway  HELLO        JSON {node}, without an id
 *                     HEAD         JSON {head, info}
 *                     CHUNK        bytes
 *                     END          JSON {result, info}
 *                     ANSWER       u32 length, JSON {head, info}, body: head, chunk and a good end
 *                     BODY_GRANT   u32 bytes of the request's body that may be sent
 *   gateway → worker  GRANT        u32 bytes of the answer that may be sent
 *                     CANCEL       nothing; also for an id that the worker has not met
 *                     BODY         bytes of the request's body
 *                     BODY_END     nothing
 *
 * Both also send ALIVE, nothing and without an id, each second: who is not heard for long is gone.
 */
export const frame = {
  alive: 0x00,
  hello: 0x01,
  head: 0x02,
  chunk: 0x03,
  end: 0x04,
  answer: 0x05,
  bodyGrant: 0x06,
  grant: 0x11,
  cancel: 0x12,
  body: 0x13,
  bodyEnd: 0x14,
} as const;

export const frameLimitBytes = 1024 * 1024;

/** Bytes of a body in one frame. */
export const pieceBytes = 64 * 1024;

export const idBytes = 16;

export interface HeadMessage {
  readonly head: ResponseHead;
  readonly info: StartInfo;
}

interface EndMessage {
  readonly result: InvocationOutcome | WireError;
  readonly info: StartInfo;
}

/** A HostError without what only the worker's log may know. */
interface WireError {
  readonly kind: 'host_error';
  readonly code: ErrorCode;
  readonly reason: string;
  readonly message: string;
  readonly details: HostError['details'];
  readonly retryAfterMs?: number;
}

export function encodeId(id: InvocationId): Buffer {
  return Buffer.from(id.replaceAll('-', ''), 'hex');
}

/** @throws FrameError when the payload is too short to begin with an id. */
export function decodeId(payload: Buffer): InvocationId {
  if (payload.length < idBytes) throw new FrameError('a frame without an invocation id');
  const hex = payload.toString('hex', 0, idBytes);
  return [8, 12, 16, 20, 32].map((end, i, ends) => hex.slice(ends[i - 1] ?? 0, end)).join('-');
}

export function encodeJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** @throws FrameError when it names no node. */
export function decodeHello(payload: Buffer): NodeId {
  const hello = JSON.parse(payload.toString()) as { readonly node?: unknown } | null;
  if (typeof hello?.node !== 'string') throw new FrameError('a HELLO that names no node');
  return hello.node;
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function encodeEnd(result: InvocationOutcome | HostError, info: StartInfo): Buffer {
  const message: EndMessage = {
    result: result instanceof HostError ? toWire(result) : result,
    info,
  };
  return encodeJson(message);
}

export function decodeEnd(bytes: Buffer): {
  readonly result: InvocationOutcome | HostError;
  readonly info: StartInfo;
} {
  const { result, info } = JSON.parse(bytes.toString()) as EndMessage;
  return { result: result.kind === 'host_error' ? fromWire(result) : result, info };
}

function toWire({ code, reason, message, details, retryAfterMs }: HostError): WireError {
  const wire: WireError = { kind: 'host_error', code, reason, message, details };
  return retryAfterMs === undefined ? wire : { ...wire, retryAfterMs };
}

function fromWire({ code, reason, message, details, retryAfterMs }: WireError): HostError {
  const options = retryAfterMs === undefined ? { details } : { details, retryAfterMs };
  return new HostError(code, reason, message, options);
}
