/**
 * Length-prefixed frames over a byte stream: a big-endian u32 with the length of what follows, then
 * a type byte, then the payload. Shared by the sandbox channel and the reply connections.
 */

const lengthBytes = 4;
const headerBytes = lengthBytes + 1;

export class FrameError extends Error {
  override readonly name = 'FrameError';
}

/** One frame as one buffer. The parts are copied. */
export function encodeFrame(type: number, ...parts: readonly Uint8Array[]): Buffer {
  const payloadBytes = parts.reduce((sum, part) => sum + part.byteLength, 0);
  const frame = Buffer.allocUnsafe(headerBytes + payloadBytes);
  frame.writeUInt32BE(payloadBytes + 1, 0);
  frame.writeUInt8(type, lengthBytes);
  let offset = headerBytes;
  for (const part of parts) {
    frame.set(part, offset);
    offset += part.byteLength;
  }
  return frame;
}

/**
 * Cuts a stream into frames. `push` calls back synchronously for every complete frame; a payload
 * is a view of the received bytes, or of a copy where it came in pieces, and may be kept.
 * @throws FrameError at the first length of 0 or over the limit; the stream is then useless.
 */
export class FrameDecoder {
  readonly #limitBytes: number;
  readonly #onFrame: (type: number, payload: Buffer) => void;
  #pieces: Buffer[] = [];
  #pendingBytes = 0;
  #neededBytes = headerBytes;

  constructor(limitBytes: number, onFrame: (type: number, payload: Buffer) => void) {
    this.#limitBytes = limitBytes;
    this.#onFrame = onFrame;
  }

  push(chunk: Buffer): void {
    if (this.#pendingBytes > 0) {
      this.#pieces.push(chunk);
      this.#pendingBytes += chunk.length;
      if (this.#pendingBytes < this.#neededBytes) return;
      chunk = Buffer.concat(this.#pieces, this.#pendingBytes);
      this.#pieces = [];
      this.#pendingBytes = 0;
    }
    let offset = 0;
    for (;;) {
      const available = chunk.length - offset;
      if (available < headerBytes) {
        this.#neededBytes = headerBytes;
        break;
      }
      const length = chunk.readUInt32BE(offset);
      if (length === 0 || length > this.#limitBytes) {
        throw new FrameError(`a frame of ${length} bytes; the limit is ${this.#limitBytes}`);
      }
      this.#neededBytes = lengthBytes + length;
      if (available < this.#neededBytes) break;
      const end = offset + this.#neededBytes;
      const type = chunk.readUInt8(offset + lengthBytes);
      const payload = chunk.subarray(offset + headerBytes, end);
      offset = end;
      this.#onFrame(type, payload);
    }
    if (offset < chunk.length) {
      this.#pieces = [chunk.subarray(offset)];
      this.#pendingBytes = chunk.length - offset;
    }
  }
}
