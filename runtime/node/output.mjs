import { noInvocation, toHost } from './channel.mjs';

const pieceBytes = 64 * 1024 - 16;

/**
 * Sends what is written to the standard streams over the channel, with the invocation in which it
 * was written: so it arrives before the answer, and is not mixed up between invocations.
 * @param {import('./channel.mjs').Channel} channel
 * @param {() => Buffer | undefined} currentId
 */
export function captureOutput(channel, currentId) {
  capture(process.stdout, 1);
  capture(process.stderr, 2);

  /**
   * @param {NodeJS.WriteStream} stream
   * @param {number} number
   */
  function capture(stream, number) {
    const mark = Buffer.from([number]);
    stream.write = (
      /** @type {any} */ chunk,
      /** @type {any} */ encoding,
      /** @type {any} */ done,
    ) => {
      const bytes =
        typeof chunk === 'string'
          ? Buffer.from(
              chunk,
              typeof encoding === 'string' ? /** @type {BufferEncoding} */ (encoding) : 'utf8',
            )
          : Buffer.from(chunk);
      for (let offset = 0; offset < bytes.length; offset += pieceBytes) {
        const piece = bytes.subarray(offset, offset + pieceBytes);
        channel.send(toHost.log, currentId() ?? noInvocation, mark, piece);
      }
      const callback = typeof encoding === 'function' ? encoding : done;
      if (typeof callback === 'function') process.nextTick(callback);
      return true;
    };
  }
}
