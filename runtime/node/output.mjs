import { Console } from 'node:console';
import { noInvocation, toHost } from './frames.mjs';

/** With the id and the stream's number a LOG frame stays below 64 KiB. */
const pieceBytes = 64 * 1024 - 16;

/**
 * Sends what is written to the standard streams over the channel, with the invocation in which it
 * was written: so it arrives before the answer, and is not mixed up between invocations.
 * @param {import('./channel.mjs').Channel} channel
 * @param {() => Uint8Array | undefined} currentId
 */
export function captureOutput(channel, currentId) {
  capture(process.stdout, Buffer.from([1]));
  capture(process.stderr, Buffer.from([2]));
  if (process.versions['bun']) {
    // Its console writes past the streams.
    Object.assign(console, new Console(process.stdout, process.stderr));
  }

  /**
   * @param {NodeJS.WriteStream} stream
   * @param {Buffer} number
   */
  function capture(stream, number) {
    stream.write = (/** @type {any[]} */ ...[chunk, encoding, done]) => {
      const callback = typeof encoding === 'function' ? encoding : done;
      if (!channel.isOutputBlocked) send(number, toBytes(chunk, encoding));
      if (callback) process.nextTick(callback);
      return true;
    };
  }

  /**
   * @param {Buffer} number
   * @param {Uint8Array} bytes
   */
  function send(number, bytes) {
    const id = currentId() ?? noInvocation;
    for (let offset = 0; offset < bytes.length; offset += pieceBytes) {
      channel.sendNow(toHost.log, id, number, bytes.slice(offset, offset + pieceBytes));
    }
  }
}

/**
 * @param {string | Uint8Array} chunk
 * @param {unknown} encoding
 */
function toBytes(chunk, encoding) {
  if (typeof chunk !== 'string') return chunk;
  return Buffer.from(chunk, typeof encoding === 'string' ? /** @type {any} */ (encoding) : 'utf8');
}
