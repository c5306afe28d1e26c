import { json, toHost, uint32 } from './frames.mjs';
import { invalidResponse } from './thrown.mjs';

/** @typedef {{ status: number, headers: [string, string][] }} ResponseHead */

const initialWindowBytes = 256 * 1024;

/** Of a CHUNK, and of the body of a RESPONSE. */
export const chunkLimitBytes = 64 * 1024;

/** With a whole chunk it still fits into a frame. */
const headLimitBytes = 64 * 1024;

const progressLimitBytes = 4 * 1024;

/** With the id and the stream's number a LOG frame stays below 64 KiB. */
const logPieceBytes = 64 * 1024 - 16;

/** Sends the answer to one invocation, never more than the host has granted. Silent once over. */
export class Responder {
  #channel;
  #id;
  #windowBytes = initialWindowBytes;
  #onGrant = () => {};
  #isOver = false;

  /**
   * @param {import('./channel.mjs').Channel} channel
   * @param {Buffer} id
   */
  constructor(channel, id) {
    this.#channel = channel;
    this.#id = id;
  }

  get id() {
    return this.#id;
  }

  get isOver() {
    return this.#isOver;
  }

  /** @param {number} bytes */
  grant(bytes) {
    this.#windowBytes += bytes;
    this.#onGrant();
  }

  /**
   * So much of the request's body was taken: as much more may come.
   * @param {number} bytes
   */
  grantBody(bytes) {
    if (!this.#isOver) this.#channel.send(toHost.bodyGrant, this.#id, uint32(bytes));
  }

  /**
   * A whole answer.
   * @param {ResponseHead} head
   * @param {Uint8Array} body
   */
  async respond(head, body) {
    if (body.length > chunkLimitBytes) {
      this.head(head);
      await this.write(body);
      this.end();
      return;
    }
    const bytes = headBytes(head);
    this.#sendLast(toHost.response, uint32(bytes.length), bytes, body);
  }

  /** @param {ResponseHead} head */
  head(head) {
    if (!this.#isOver) this.#channel.send(toHost.head, this.#id, headBytes(head));
  }

  /**
   * Resolves when more may be written. One call at a time.
   * @param {Uint8Array} bytes
   */
  async write(bytes) {
    for (let offset = 0; offset < bytes.length && !this.#isOver;) {
      if (this.#windowBytes === 0) {
        await new Promise((resolve) => (this.#onGrant = () => resolve(undefined)));
        continue;
      }
      const piece = bytes.subarray(offset, offset + Math.min(chunkLimitBytes, this.#windowBytes));
      this.#windowBytes -= piece.length;
      this.#channel.send(toHost.chunk, this.#id, piece);
      offset += piece.length;
    }
  }

  /**
   * Output of the function, at once, so that it is there when the process then hangs or is killed.
   * Also once the answer is over.
   * @param {Buffer} stream its number
   * @param {Uint8Array} bytes
   */
  log(stream, bytes) {
    if (this.#channel.isOutputBlocked) return;
    for (let offset = 0; offset < bytes.length; offset += logPieceBytes) {
      const piece = bytes.slice(offset, offset + logPieceBytes);
      this.#channel.sendNow(toHost.log, this.#id, stream, piece);
    }
  }

  /**
   * How far it is with one of the messages of its batch.
   * @param {number} message
   * @param {unknown} value
   */
  progress(message, value) {
    const bytes = json(value ?? null);
    if (bytes.length > progressLimitBytes) {
      throw new RangeError(
        `The progress has ${bytes.length} bytes; at most ${progressLimitBytes}.`,
      );
    }
    if (!this.#isOver) this.#channel.send(toHost.progress, this.#id, uint32(message), bytes);
  }

  end() {
    this.#sendLast(toHost.end);
  }

  /** @param {{ type: string, message: string, stack?: string, fatal?: true }} error */
  fail(error) {
    this.#sendLast(toHost.error, json(error));
  }

  /**
   * @param {number} type
   * @param {...Uint8Array} parts
   */
  #sendLast(type, ...parts) {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#channel.send(type, this.#id, ...parts);
  }
}

/** @param {ResponseHead} head */
function headBytes(head) {
  const { status } = head;
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw invalidResponse(`the status must be a whole number from 200 to 599, not ${status}`);
  }
  const bytes = json(head);
  if (bytes.length > headLimitBytes) {
    throw invalidResponse(`its headers have ${bytes.length} bytes; return at most 64 KiB of them`);
  }
  return bytes;
}
