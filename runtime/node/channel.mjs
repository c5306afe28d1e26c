import { connect, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { FrameDecoder, frameHeader } from './frames.mjs';

const variable = 'HEARTH_CHANNEL_FD';

/** More output than this does not wait for the host, which keeps 1 MiB of it and says so. */
const outputBacklogLimitBytes = 2 * 1024 * 1024;

/** The bootstrap's end of the native channel. */
export class Channel {
  #socket;
  #isCorked = false;

  /**
   * @param {import('node:stream').Duplex} socket
   * @param {(type: number, payload: Buffer) => void} onFrame
   */
  constructor(socket, onFrame) {
    this.#socket = socket;
    const decoder = new FrameDecoder(onFrame);
    socket.on('data', (chunk) => decoder.push(chunk));
  }

  /**
   * The one to the host. When the host's end closes, the process exits.
   * @param {(type: number, payload: Buffer) => void} onFrame
   */
  static toHost(onFrame) {
    const socket = openSocket(takeDescriptor());
    const channel = new Channel(socket, onFrame);
    socket.on('error', () => {}); // followed by `close`
    socket.on('end', () => process.exit(0));
    socket.on('close', () => process.exit(0));
    process.on('exit', () => channel.#flush()); // also what was logged just before a process.exit()
    return channel;
  }

  /**
   * Frames of one tick go out as one write.
   * @param {number} type
   * @param {...Uint8Array} parts
   */
  send(type, ...parts) {
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#socket.cork();
      process.nextTick(() => this.#flush());
    }
    const payloadBytes = parts.reduce((sum, part) => sum + part.length, 0);
    this.#socket.write(frameHeader(type, payloadBytes));
    for (const part of parts) this.#socket.write(part);
  }

  /** Too much waits already: a loop that only logs must not use up the function's memory. */
  get isOutputBlocked() {
    return this.#socket.writableLength > outputBacklogLimitBytes;
  }

  /**
   * @param {number} type
   * @param {...Uint8Array} parts
   */
  sendNow(type, ...parts) {
    this.send(type, ...parts);
    this.#flush();
  }

  /** @param {number} code */
  exitOnceSent(code) {
    this.#socket.write('', () => process.exit(code));
  }

  #flush() {
    this.#isCorked = false;
    this.#socket.uncork();
  }
}

/** No business of the function's, which has an empty standard input where the channel is that. */
function takeDescriptor() {
  const fd = Number(process.env[variable]);
  delete process.env[variable];
  if (fd === 0) Object.defineProperty(process, 'stdin', { value: Readable.from([]) });
  return fd;
}

/**
 * Node and Bun have a way each to take a descriptor over.
 * @param {number} fd
 */
function openSocket(fd) {
  return process.versions['bun'] ? connect(/** @type {any} */ ({ fd })) : new Socket({ fd });
}
