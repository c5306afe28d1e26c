import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toHost, toSandbox } from '../../src/containers/channels/channel-frames.ts';
import type { HeaderList } from '../../src/domain/invocation.ts';
import { encodeFrame, FrameDecoder } from '../../src/lib/frames.ts';

const bootstrap = fileURLToPath(new URL('../../runtime/node/bootstrap.mjs', import.meta.url));
const nodeCommand = [process.execPath, bootstrap];
const idBytes = 8;
const frameNames = new Map(Object.entries(toHost).map(([name, type]) => [type as number, name]));

export interface Frame {
  readonly name: string;
  readonly payload: Buffer;
}

export interface Ask {
  readonly trigger?: 'http' | 'event';
  readonly method?: string;
  readonly url?: string;
  readonly headers?: HeaderList;
  readonly body?: string | Uint8Array;
  readonly queue?: object;
  /** The body follows, by `sendBody` and `endBody`. */
  readonly isStreamed?: boolean;
}

/** What one invocation sent back. */
export interface Answer {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Buffer;
  readonly error: { type: string; message: string; stack?: string; fatal?: true };
  readonly log: string;
  /** The names of its frames, in order. */
  readonly frames: readonly string[];
}

/** The bootstrap as a process of its own, talked to as the host would. */
export class StartedBootstrap implements AsyncDisposable {
  readonly #dir = mkdtempSync(join(tmpdir(), 'hearth-bootstrap-'));
  readonly #child;
  readonly #channel: Socket;
  readonly exited: Promise<number | null>;
  readonly #frames: Frame[] = [];
  #wake = Promise.withResolvers<void>();
  #ids = 0;

  constructor([program = '', ...args]: readonly string[] = nodeCommand) {
    this.#child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: { PATH: '/usr/bin', LEAKED: 'from the host', HEARTH_CHANNEL_FD: '3' },
    });
    this.#channel = this.#child.stdio[3] as Socket;
    this.exited = once(this.#child, 'exit').then(([code]) => code as number | null);
    const decoder = new FrameDecoder(256 * 1024, (type, payload) => {
      this.#frames.push({ name: frameNames.get(type) ?? String(type), payload });
      this.#wake.resolve();
      this.#wake = Promise.withResolvers();
    });
    this.#channel.on('data', (chunk: Buffer) => decoder.push(chunk));
    this.#channel.on('close', () => this.#wake.resolve());
    this.#channel.on('error', () => {});
    for (const output of [this.#child.stdout, this.#child.stderr]) output!.resume();
  }

  /** Loads the source of a module. Gives READY or INIT_FAILED. */
  async load(source: string, options: { file?: string; env?: object } = {}): Promise<Frame> {
    const entry = join(this.#dir, options.file ?? 'index.mjs');
    writeFileSync(entry, source);
    return await this.init({ entry, env: options.env ?? {} });
  }

  /** A module's path, for `init` and `compile`. */
  write(source: string): string {
    const entry = join(this.#dir, 'index.mjs');
    writeFileSync(entry, source);
    return entry;
  }

  /** What the module is compiled to. */
  async compile(entry: string): Promise<Buffer> {
    await this.next(({ name }) => name === 'hello');
    this.#send(toSandbox.compile, Buffer.from(JSON.stringify({ entry })));
    const pieces: Buffer[] = [];
    for (;;) {
      const { name, payload } = await this.next(() => true);
      if (name !== 'compiled') return Buffer.concat(pieces);
      pieces.push(payload);
    }
  }

  async init(message: { entry: string; env: object }, compiled?: Uint8Array): Promise<Frame> {
    await this.next(({ name }) => name === 'hello');
    if (compiled) this.#send(toSandbox.compiled, compiled);
    const limits = { memoryBytes: 128 * 1024 ** 2, timeoutMs: 1000, concurrency: 10 };
    const init = { ...message, ...limits, functionName: 'tested', version: 'sha256:1' };
    this.#send(toSandbox.init, Buffer.from(JSON.stringify(init)));
    return await this.next(({ name }) => name === 'ready' || name === 'initFailed');
  }

  /** Starts an invocation and gives its id. */
  send(ask: Ask = {}): Buffer {
    const id = Buffer.alloc(idBytes);
    id.writeUInt32BE(++this.#ids);
    const head = Buffer.from(
      JSON.stringify({
        id: '00000000-0000-4000-8000-000000000000',
        trigger: ask.trigger ?? 'http',
        method: ask.method ?? 'GET',
        url: ask.url ?? '/',
        headers: ask.headers ?? [['host', 'fn.example']],
        sourceIp: '127.0.0.1',
        deadlineMs: Date.now() + 10_000,
        idleTimeoutMs: 300_000,
        ...(ask.queue ? { queue: ask.queue } : {}),
        ...(ask.isStreamed ? { body: 'stream' } : {}),
      }),
    );
    const length = Buffer.alloc(4);
    length.writeUInt32BE(head.length);
    this.#send(toSandbox.invoke, id, length, head, Buffer.from(ask.body ?? ''));
    return id;
  }

  sendBody(id: Buffer, piece: Uint8Array): void {
    this.#send(toSandbox.body, id, piece);
  }

  endBody(id: Buffer): void {
    this.#send(toSandbox.bodyEnd, id);
  }

  grant(id: Buffer, bytes: number): void {
    const amount = Buffer.alloc(4);
    amount.writeUInt32BE(bytes);
    this.#send(toSandbox.grant, id, amount);
  }

  /** Collects all that comes for an invocation up to its last frame. */
  async answer(id: Buffer): Promise<Answer> {
    const frames: string[] = [];
    const body: Buffer[] = [];
    const log: Buffer[] = [];
    let head = { status: 0, headers: [] as HeaderList };
    let error: unknown;
    while (!['response', 'end', 'error'].includes(frames.at(-1) ?? '')) {
      const { name, payload } = await this.next((frame) =>
        frame.payload.subarray(0, idBytes).equals(id),
      );
      const rest = payload.subarray(idBytes);
      frames.push(name);
      if (name === 'log') log.push(rest.subarray(1));
      if (name === 'chunk') body.push(rest);
      if (name === 'head') head = JSON.parse(rest.toString());
      if (name === 'error') error = JSON.parse(rest.toString());
      if (name === 'response') {
        const headEnd = 4 + rest.readUInt32BE();
        head = JSON.parse(rest.toString('utf8', 4, headEnd));
        body.push(rest.subarray(headEnd));
      }
    }
    const bytes = Buffer.concat(body);
    const text = Buffer.concat(log).toString();
    return { ...head, body: bytes, error: error as Answer['error'], log: text, frames };
  }

  invoke(ask: Ask = {}): Promise<Answer> {
    return this.answer(this.send(ask));
  }

  /** The first frame, arrived or to come, that is wanted; takes it. */
  async next(isWanted: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const index = this.#frames.findIndex(isWanted);
      if (index >= 0) return this.#frames.splice(index, 1)[0]!;
      if (this.#channel.destroyed) throw new Error('the bootstrap has gone');
      await this.#wake.promise;
    }
  }

  /** Frames that have arrived and that nobody has taken yet. */
  get arrived(): number {
    return this.#frames.length;
  }

  closeChannel(): void {
    this.#channel.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #send(type: number, ...parts: Uint8Array[]): void {
    this.#channel.write(encodeFrame(type, ...parts));
  }
}
