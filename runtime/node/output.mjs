import { Console } from 'node:console';
import { noInvocation } from './frames.mjs';
import { Responder } from './responder.mjs';

/**
 * Sends what is written to the standard streams over the channel, with the invocation in which it
 * was written: so it arrives before the answer, and is not mixed up between invocations.
 * @param {import('./channel.mjs').Channel} channel
 * @param {() => Responder | undefined} currentResponder
 */
export function captureOutput(channel, currentResponder) {
  const stray = new Responder(channel, noInvocation);
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
      (currentResponder() ?? stray).log(number, toBytes(chunk, encoding));
      if (callback) process.nextTick(callback);
      return true;
    };
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
