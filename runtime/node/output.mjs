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

  /**
   * @param {NodeJS.WriteStream} stream
   * @param {Buffer} number
   */
  function capture(stream, number) {
    stream.write = (/** @type {any[]} */ ...[chunk, encoding, done]) => {
      const callback = typeof encoding === 'function' ? encoding : done;
      const charset = typeof encoding === 'string' ? encoding : 'utf8';
      const bytes =
        typeof chunk === 'string' ? Buffer.from(chunk, /** @type {any} */ (charset)) : chunk;
      const id = currentId() ?? noInvocation;
      for (let offset = 0; offset < bytes.length; offset += pieceBytes) {
        channel.sendOutput(toHost.log, id, number, bytes.slice(offset, offset + pieceBytes));
      }
      if (callback) process.nextTick(callback);
      return true;
    };
  }
}
