import { Buffer } from 'node:buffer';
import { duplexPair, type Duplex } from 'node:stream';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { Channel } from '../../../src/containers/channels/channel.ts';
import { toHost, toSandbox } from '../../../src/containers/channels/channel-frames.ts';
import type { FunctionError, InvocationRequest } from '../../../src/domain/invocation.ts';
import { responseWindowBytes } from '../../../src/domain/limits.ts';
import { encodeFrame, FrameDecoder } from '../../../src/lib/frames.ts';

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const noInvocation = Buffer.alloc(8);
const okHead = json({ status: 200, headers: [['a', 'b']] });
const init = {
  entry: '/var/task/index.mjs',
  env: {},
  functionName: 'hello',
  version: 'sha256:1',
  memoryBytes: 1,
  timeoutMs: 1,
  concurrency: 1,
};
const request: InvocationRequest = {
  id: '00000000-0000-4000-8000-000000000000',
  functionName: 'hello',
  version: 'sha256:1',
  head: { trigger: 'http', method: 'GET', url: '/', headers: [], sourceIp: '127.0.0.1' },
  body: Buffer.from('in'),
  deadlineMs: 1,
  idleTimeoutMs: 300_000,
};

function listener() {
  return {
    head: undefined as unknown,
    chunks: [] as string[],
    lines: [] as string[],
    progress: [] as unknown[],
    onHead(head: unknown) {
      this.head = head;
    },
    onChunk(bytes: Uint8Array) {
      this.chunks.push(Buffer.from(bytes).toString());
    },
    onLog(line: { text: string }) {
      this.lines.push(line.text);
    },
    onProgress(message: number, value: Uint8Array) {
      this.progress.push([message, Buffer.from(value).toString()]);
    },
  };
}

let sandbox: Duplex;
let channel: Channel;
let received: { type: number; payload: Buffer }[];
const events = {
  onHello: vi.fn<() => void>(),
  onReady: vi.fn<() => void>(),
  onInitFailed: vi.fn<(error: FunctionError) => void>(),
  onFatal: vi.fn<() => void>(),
  onViolation: vi.fn<(violation: Error) => void>(),
  onStrayOutput: vi.fn<(stream: string, piece: Buffer) => void>(),
};

beforeEach(() => {
  vi.resetAllMocks();
  const [host, inside] = duplexPair();
  sandbox = inside;
  received = [];
  const decoder = new FrameDecoder(1 << 20, (type, payload) => received.push({ type, payload }));
  sandbox.on('data', (chunk: Buffer) => decoder.push(chunk));
  channel = new Channel(host, events);
});

const send = (type: number, ...parts: Uint8Array[]) => sandbox.write(encodeFrame(type, ...parts));
const hello = () => send(toHost.hello, json({ protocol: 1, runtime: 'node' }));

async function ready(): Promise<void> {
  hello();
  await vi.waitFor(() => expect(events.onHello).toHaveBeenCalled());
  channel.init(init);
  send(toHost.ready);
  await vi.waitFor(() => expect(events.onReady).toHaveBeenCalled());
}

/** An invocation under way, with the id that the sandbox was given. */
async function invoked() {
  const sink = listener();
  const settle = vi.fn<(error: FunctionError | undefined) => void>();
  const invocation = channel.invoke(request, sink, settle);
  const isInvoke = ({ type }: { type: number }) => type === toSandbox.invoke;
  await vi.waitFor(() => expect(received.some(isInvoke)).toBe(true));
  const payload = received.findLast(isInvoke)!.payload;
  return { sink, settle, invocation, payload, id: payload.subarray(0, 8) };
}

const violated = (what: RegExp) =>
  vi.waitFor(() =>
    expect(events.onViolation).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ message: expect.stringMatching(what) as string }),
    ),
  );

function respond(id: Uint8Array, head: Buffer, body: string): void {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(head.length);
  send(toHost.response, id, length, head, Buffer.from(body));
}

describe('a well-behaved sandbox', () => {
  test('boots, loads, and is told what to load', async () => {
    await ready();
    expect(received[0]?.type).toBe(toSandbox.init);
    expect(JSON.parse(String(received[0]?.payload))).toEqual(init);
  });

  test('says why it cannot load', async () => {
    hello();
    await vi.waitFor(() => expect(events.onHello).toHaveBeenCalled());
    channel.init(init);
    send(toHost.initFailed, json({ type: 'SyntaxError', message: 'no' }));
    await vi.waitFor(() =>
      expect(events.onInitFailed).toHaveBeenCalledWith({ type: 'SyntaxError', message: 'no' }),
    );
  });

  test('gets head and body, and answers in one frame', async () => {
    await ready();
    const { payload, sink, settle, id } = await invoked();
    const headLength = payload.readUInt32BE(8);
    expect(JSON.parse(payload.subarray(12, 12 + headLength).toString())).toMatchObject({
      id: request.id,
      trigger: 'http',
      method: 'GET',
      deadlineMs: 1,
    });
    expect(payload.subarray(12 + headLength).toString()).toBe('in');
    respond(id, okHead, 'out');
    await vi.waitFor(() => expect(settle).toHaveBeenCalledExactlyOnceWith(undefined));
    expect(sink.head).toEqual({ status: 200, headers: [['a', 'b']] });
    expect(sink.chunks).toEqual(['out']);
  });

  test('streams in pieces', async () => {
    await ready();
    const { sink, settle, id } = await invoked();
    send(toHost.head, id, okHead);
    send(toHost.chunk, id, Buffer.from('one'));
    await vi.waitFor(() => expect(sink.chunks).toEqual(['one']));
    expect(settle).not.toHaveBeenCalled();
    send(toHost.chunk, id, Buffer.from('two'));
    send(toHost.end, id);
    await vi.waitFor(() => expect(settle).toHaveBeenCalledWith(undefined));
    expect(sink.chunks).toEqual(['one', 'two']);
  });

  test('fails, also in the middle of its answer', async () => {
    await ready();
    const { settle, id } = await invoked();
    send(toHost.head, id, okHead);
    send(toHost.error, id, json({ type: 'Error', message: 'late', stack: 'at x' }));
    await vi.waitFor(() =>
      expect(settle).toHaveBeenCalledWith({ type: 'Error', message: 'late', stack: 'at x' }),
    );
  });

  test('says when it is about to exit, after the answer that tells why', async () => {
    await ready();
    const { settle, id } = await invoked();
    events.onFatal.mockImplementation(() => expect(settle).toHaveBeenCalled());
    send(toHost.error, id, json({ type: 'Error', message: 'uncaught', fatal: true }));
    await vi.waitFor(() => expect(events.onFatal).toHaveBeenCalled());
    expect(settle).toHaveBeenCalledWith({ type: 'Error', message: 'uncaught' });
  });

  test('has its output cut into lines, with what is left over at the end', async () => {
    await ready();
    const { sink, settle, id } = await invoked();
    send(toHost.log, id, Buffer.from([1]), Buffer.from('one\ntw'));
    send(toHost.log, id, Buffer.from([1]), Buffer.from('o\nthree'));
    respond(id, okHead, '');
    await vi.waitFor(() => expect(settle).toHaveBeenCalled());
    expect(sink.lines).toEqual(['one', 'two', 'three']);
    send(toHost.log, noInvocation, Buffer.from([2]), Buffer.from('stray'));
    await vi.waitFor(() =>
      expect(events.onStrayOutput).toHaveBeenCalledWith('stderr', Buffer.from('stray')),
    );
  });

  test('tells how far it is with the messages of its batch', async () => {
    await ready();
    const { sink, settle, id } = await invoked();
    send(toHost.progress, id, Buffer.from([0, 0, 0, 1]), Buffer.from('40'));
    respond(id, okHead, '');
    await vi.waitFor(() => expect(settle).toHaveBeenCalled());
    expect(sink.progress).toEqual([[1, '40']]);
  });

  test('may send as much more as it was granted', async () => {
    await ready();
    const { sink, invocation, id } = await invoked();
    send(toHost.head, id, okHead);
    const half = Buffer.alloc(responseWindowBytes / 2);
    send(toHost.chunk, id, half);
    send(toHost.chunk, id, half);
    await vi.waitFor(() => expect(sink.chunks).toHaveLength(2));
    invocation.grant(half.length);
    await vi.waitFor(() => expect(received.at(-1)?.type).toBe(toSandbox.grant));
    expect(received.at(-1)?.payload.readUInt32BE(8)).toBe(half.length);
    send(toHost.chunk, id, half);
    await vi.waitFor(() => expect(sink.chunks).toHaveLength(3));
    expect(events.onViolation).not.toHaveBeenCalled();
  });
});

describe('a hostile sandbox is found out when it', () => {
  test.each([
    ['is ready before it was told what to load', () => send(toHost.ready), /READY while booting/],
    ['speaks another version', () => send(toHost.hello, json({ protocol: 2 })), /another protocol/],
    ['sends a hello that is no JSON', () => send(toHost.hello, Buffer.from('{')), /does not parse/],
    ['sends a hello that is no object', () => send(toHost.hello, json(null)), /not an object/],
    ['claims a frame of 4 GiB', () => sandbox.write(Buffer.alloc(5, 0xff)), /limit/],
    ['sends a frame that is cut short', () => send(toHost.log, Buffer.alloc(3)), /out of range/],
  ])('%s', async (_, act, what) => {
    act();
    await violated(what);
  });

  test.each([
    ['says hello twice', () => hello(), /HELLO while ready/],
    [
      'answers what it was not asked',
      () => send(toHost.end, Buffer.from('guessed!')),
      /not under way/,
    ],
    [
      'tells more progress than a little',
      (id: Buffer) => send(toHost.progress, id, Buffer.alloc(4), Buffer.alloc(4097)),
      /too long a progress/,
    ],
    ['sends an unknown frame', (id: Buffer) => send(0x7f, id), /unknown frame type/],
    ['sends a chunk before the head', (id: Buffer) => send(toHost.chunk, id), /before the head/],
    ['ends before the head', (id: Buffer) => send(toHost.end, id), /without a head/],
    [
      'sends two heads',
      (id: Buffer) => {
        send(toHost.head, id, okHead);
        send(toHost.head, id, okHead);
      },
      /second head/,
    ],
    [
      'answers with a status that is none',
      (id: Buffer) => respond(id, json({ status: 99, headers: [] }), ''),
      /status/,
    ],
    [
      'answers with headers that are none',
      (id: Buffer) => respond(id, json({ status: 200, headers: [['a', 1]] }), ''),
      /headers/,
    ],
    [
      'answers with more in one frame than allowed',
      (id: Buffer) => respond(id, okHead, 'x'.repeat(70_000)),
      /too long/,
    ],
    [
      'sends more than it was granted',
      (id: Buffer) => {
        send(toHost.head, id, okHead);
        for (let i = 0; i < 5; i++) send(toHost.chunk, id, Buffer.alloc(64 * 1024));
      },
      /granted/,
    ],
    [
      'grants what it was never sent',
      (id: Buffer) => send(toHost.bodyGrant, id, Buffer.from([0, 0, 0, 1])),
      /more than was taken/,
    ],
    ['grants without saying how much', (id: Buffer) => send(toHost.bodyGrant, id), /bounds/],
  ])('%s', async (_, act, what) => {
    await ready();
    const { id } = await invoked();
    act(id);
    await violated(what);
  });

  test('answers what is over', async () => {
    await ready();
    const { id, settle } = await invoked();
    respond(id, okHead, '');
    respond(id, okHead, '');
    await violated(/not under way/);
    expect(settle).toHaveBeenCalledOnce();
  });
});
