import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Channel } from '../channel.mjs';
import { frameHeader, fromHost, json, toHost, uint32 } from '../frames.mjs';
import { Session } from '../session.mjs';

const functions = ['web-function.mjs', 'lambda-function.mjs'];

/**
 * Of each function and kind of request. After 4 a first invocation takes twice as long; after 25 not
 * less, but a stem costs a third more processor time and a MiB more.
 */
const rounds = 10;

/** What is read and compiled stays in the memory: a few times do. */
const importRounds = 3;

const typeOffset = 4;
const id = Buffer.alloc(8, 1);
const head = {
  id: '00000000-0000-4000-8000-000000000000',
  trigger: 'http',
  url: '/path?name=value',
  sourceIp: '127.0.0.1',
  deadlineMs: 0,
};
const host = ['host', 'localhost'];
const requests = [
  invokeFrame({ ...head, method: 'GET', headers: [host] }, ''),
  invokeFrame(
    { ...head, method: 'POST', headers: [host, ['content-type', 'application/json']] },
    '{}',
  ),
];

/**
 * Goes the whole way that a function and its first invocation will go, so that they find it loaded
 * and compiled: Node loads Request and Response at their first use, which alone takes some 18 ms, and
 * compiles everything when it first runs. The host's part is played by a stream that leads nowhere.
 * Other events of the process are let in between.
 * @param {() => boolean} isWanted
 */
export async function warmUp(isWanted) {
  for (const name of functions) {
    const there = new FarEnd();
    const channel = new Channel(there, (type, payload) => session.receive(type, payload));
    const session = new Session(channel);
    for (let round = 0; round < rounds; round += 1) {
      if (!isWanted()) return;
      // Another address is another module, which is read and compiled.
      if (round < importRounds) await import(`./${name}?${round}`);
      await there.answerTo(initFrame(name));
      for (const request of requests) {
        if (!isWanted()) return;
        await there.answerTo(request);
        await turn();
      }
    }
  }
}

/** The end of a channel that the bootstrap has, with nobody at the other. */
class FarEnd extends Duplex {
  #onAnswer = () => {};

  /**
   * Resolves when the answer has been written.
   * @param {Buffer} frame
   */
  async answerTo(frame) {
    await new Promise((resolve) => {
      this.#onAnswer = () => resolve(undefined);
      this.push(frame);
    });
  }

  /** @override */
  _read() {}

  /**
   * @override
   * @param {{ chunk: Buffer }[]} chunks
   * @param {() => void} done
   */
  _writev(chunks, done) {
    if (chunks[0]?.chunk[typeOffset] !== toHost.log) this.#onAnswer();
    done();
  }

  /**
   * @override
   * @param {Buffer} chunk
   * @param {BufferEncoding} _
   * @param {() => void} done
   */
  _write(chunk, _, done) {
    this._writev([{ chunk }], done);
  }
}

/** @param {string} name */
function initFrame(name) {
  const entry = fileURLToPath(new URL(name, import.meta.url));
  return frame(fromHost.init, json({ entry, env: {}, functionName: 'warm-up', version: '' }));
}

/**
 * @param {object} head
 * @param {string} body
 */
function invokeFrame(head, body) {
  const bytes = json(head);
  return frame(fromHost.invoke, id, uint32(bytes.length), bytes, Buffer.from(body));
}

/**
 * @param {number} type
 * @param {...Buffer} parts
 */
function frame(type, ...parts) {
  const payload = Buffer.concat(parts);
  return Buffer.concat([frameHeader(type, payload.length), payload]);
}
