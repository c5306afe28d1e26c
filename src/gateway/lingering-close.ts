import type { IncomingMessage } from 'node:http';

/** How long a caller that has its answer may go on sending; and without a byte. */
const longestMs = 30_000;
const silenceMs = 5_000;

/**
 * A caller that still sends when it has its answer gets to read it: to close on bytes that nobody
 * has read resets the connection, and with it what the caller has not read yet (RFC 9112, section
 * 9.6). What it sends is thrown away until it ends, or has gone on for long enough.
 */
export function lingerOver(request: IncomingMessage, onEnd: () => void): void {
  const { socket } = request;
  const giveUp = () => socket.destroy();
  const limit = setTimeout(giveUp, longestMs);
  const silence = setTimeout(giveUp, silenceMs);
  request.on('data', () => silence.refresh());
  request.once('close', () => {
    clearTimeout(limit);
    clearTimeout(silence);
    onEnd();
  });
  request.resume();
}
