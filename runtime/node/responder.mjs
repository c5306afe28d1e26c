import { json, toHost } from './channel.mjs';

/** @typedef {{ status: number, headers: [string, string][] }} ResponseHead */

const initialWindowBytes = 256 * 1024;
const chunkBytes = 64 * 1024;

/** Sends the answer to one invocation, never more than the host has granted. */
export class Responder {
  #channel;
  #id;
  #windowBytes = initialWindowBytes;
  /** @type {(() => void) | undefined} */
  #onGrant;
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
    this.#onGrant?.();
  }

  /**
   * A whole answer.
   * @param {ResponseHead} head
   * @param {Uint8Array} body
   */
  async respond(head, body) {
    if (body.length > chunkBytes) {
      this.head(head);
      await this.write(body);
      this.end();
    } else if (!this.#isOver) {
      this.#isOver = true;
      const headBytes = json(head);
      const length = Buffer.allocUnsafe(4);
      length.writeUInt32BE(headBytes.length);
      this.#channel.send(toHost.response, this.#id, length, headBytes, body);
    }
  }

  /** @param {ResponseHead} head */
  head(head) {
    if (!this.#isOver) this.#channel.send(toHost.head, this.#id, json(head));
  }

  /**
   * Resolves when more may be written.
   * @param {Uint8Array} bytes
   */
  async write(bytes) {
    for (let offset = 0; offset < bytes.length;) {
      while (this.#windowBytes === 0) await this.#granted();
      const end = Math.min(offset + chunkBytes, offset + this.#windowBytes, bytes.length);
      if (this.#isOver) return;
      this.#windowBytes -= end - offset;
      this.#channel.send(toHost.chunk, this.#id, bytes.subarray(offset, end));
      offset = end;
    }
  }

  end() {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#channel.send(toHost.end, this.#id);
  }

  /** @param {{ type: string, message: string, stack?: string, fatal?: true }} error */
  fail(error) {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#channel.send(toHost.error, this.#id, json(error));
  }

  #granted() {
    return new Promise((/** @type {(value?: undefined) => void} */ resolve) => {
      this.#onGrant = () => {
        this.#onGrant = undefined;
        resolve();
      };
    });
  }
}
