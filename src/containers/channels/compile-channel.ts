import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import type {
  ChannelEvents,
  ChannelKind,
  InitMessage,
  SandboxChannel,
} from '../../domain/sandbox-channel.ts';
import { FrameDecoder } from '../../lib/frames.ts';
import {
  compiledLimitBytes,
  compileFrame,
  protocolVersion,
  sandboxFrameLimitBytes,
  toHost,
} from './channel-frames.ts';
import { parseObject, ProtocolViolation } from './hostile-json.ts';

/**
 * The native channel to a sandbox that only compiles: ready when it has told what its function is
 * compiled to, which goes to `onCompiled` just before that. It serves nobody.
 */
export function compileChannel(onCompiled: (code: Buffer) => void): ChannelKind {
  return {
    name: 'native',
    prepare: async () => ({
      open: (socket, events) => new CompileChannel(socket, events, onCompiled),
      [Symbol.asyncDispose]: async () => {},
    }),
  };
}

class CompileChannel implements SandboxChannel {
  readonly endsWhatIsClosed = false;
  readonly takesStreams = false;
  readonly #socket: Duplex;
  readonly #events: ChannelEvents;
  readonly #onCompiled: (code: Buffer) => void;
  readonly #pieces: Buffer[] = [];
  #bytes = 0;
  #state: 'booting' | 'booted' | 'compiling' | 'closed' = 'booting';

  constructor(socket: Duplex, events: ChannelEvents, onCompiled: (code: Buffer) => void) {
    this.#socket = socket;
    this.#events = events;
    this.#onCompiled = onCompiled;
    const decoder = new FrameDecoder(sandboxFrameLimitBytes, (...frame) => this.#receive(...frame));
    socket.on('data', (chunk: Buffer) => {
      if (this.#state === 'closed') return;
      try {
        decoder.push(chunk);
      } catch (error) {
        this.close();
        this.#events.onViolation(error as Error);
      }
    });
    socket.on('error', () => {}); // the process's end tells
  }

  init({ entry }: InitMessage): void {
    this.#state = 'compiling';
    this.#socket.write(compileFrame({ entry }));
  }

  invoke(): never {
    throw new TypeError('a sandbox that compiles serves nobody');
  }

  soleLog(): undefined {
    return undefined;
  }

  close(): void {
    this.#state = 'closed';
    this.#socket.destroy();
  }

  #receive(type: number, payload: Buffer): void {
    if (this.#state === 'closed') return;
    if (type === toHost.log) return; // nothing of the function runs
    if (type === toHost.hello && this.#state === 'booting') this.#hello(payload);
    else if (type === toHost.compiled && this.#state === 'compiling') this.#add(payload);
    else if (type === toHost.ready && this.#state === 'compiling') this.#finish();
    else throw new ProtocolViolation(`a frame of type ${type} while ${this.#state}`);
  }

  #hello(payload: Buffer): void {
    if (parseObject(payload)['protocol'] !== protocolVersion) {
      throw new ProtocolViolation('another protocol version');
    }
    this.#state = 'booted';
    this.#events.onHello();
  }

  #add(piece: Buffer): void {
    this.#bytes += piece.length;
    if (this.#bytes > compiledLimitBytes) throw new ProtocolViolation('too much compiled code');
    this.#pieces.push(piece);
  }

  #finish(): void {
    this.#onCompiled(Buffer.concat(this.#pieces));
    this.#events.onReady();
  }
}
