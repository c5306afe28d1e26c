import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { createServer as createTlsServer } from 'node:tls';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { HostError } from '../../src/domain/errors.ts';
import type { BodyStream, InvocationOutcome } from '../../src/domain/invocation.ts';
import { requestWindowBytes } from '../../src/domain/limits.ts';
import type { ReplyListener, ReplyStream, StartInfo } from '../../src/domain/reply.ts';
import { encodeFrame } from '../../src/lib/frames.ts';
import { ReplyClient } from '../../src/replies/reply-client.ts';
import { encodeId, encodeJson, frame } from '../../src/replies/reply-frames.ts';
import { ReplyServer } from '../../src/replies/reply-server.ts';
import { silentLogger } from '../support/silent-logger.ts';

const never = new AbortController().signal;
const id = '12345678-1234-4123-8123-123456789abc';
const node = 'node-1';
const info: StartInfo = { node, start: 'warm', timings: { run: 1 } };
const ok: InvocationOutcome = { kind: 'ok' };

let dir: string;
let server: ReplyServer;
let client: ReplyClient;
let told: unknown[];
let ended: PromiseWithResolvers<InvocationOutcome | HostError>;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-replies-'));
  server = new ReplyServer({ listen: `unix:${join(dir, 'r.sock')}`, logger: silentLogger });
  client = new ReplyClient({ node, logger: silentLogger });
  await server.start();
  told = [];
  ended = Promise.withResolvers();
});
afterEach(async () => {
  await client.stop(never);
  await server.stop();
  await rm(dir, { recursive: true });
});

const listener: ReplyListener = {
  onHead: (head, start) => told.push({ head: head.status, start }),
  onChunk: (bytes) => told.push(Buffer.from(bytes).toString()),
  onEnd: (result) => ended.resolve(result),
};

const expectReply = (body?: Uint8Array | BodyStream) => server.expect(id, node, body, listener);
const open = (): ReplyStream => client.open(server.address, id);

/** After which the gateway knows the worker's connection. */
async function otherInvocationUnderWay(): Promise<void> {
  const otherId = '99999999-1234-4123-8123-123456789abc';
  const onHead = vi.fn<ReplyListener['onHead']>();
  server.expect(otherId, node, undefined, { onHead, onChunk() {}, onEnd() {} });
  client.open(server.address, otherId).head({ status: 200, headers: [] }, info);
  await vi.waitFor(() => expect(onHead).toHaveBeenCalled());
}

describe('a reply', () => {
  test('of one turn arrives in one turn', async () => {
    expectReply();
    const stream = open();
    stream.head({ status: 201, headers: [['a', 'b']] }, info);
    stream.chunk(Buffer.from('one'));
    stream.chunk(Buffer.from('two'));
    stream.end(ok, { ...info, timings: { run: 2 } });
    expect(await ended.promise).toEqual(ok);
    expect(told).toEqual([{ head: 201, start: { ...info, timings: { run: 2 } } }, 'onetwo']);
  });

  test('that is streamed arrives as it comes', async () => {
    expectReply();
    const stream = open();
    stream.head({ status: 200, headers: [] }, info);
    await vi.waitFor(() => expect(told).toHaveLength(1));
    stream.chunk(Buffer.from('one'));
    await vi.waitFor(() => expect(told.at(-1)).toBe('one'));
    stream.chunk(Buffer.from('two'));
    stream.end(ok, info);
    await ended.promise;
    expect(told.slice(1)).toEqual(['one', 'two']);
  });

  test('of any size arrives whole', async () => {
    expectReply();
    const stream = open();
    const large = 'x'.repeat(3 * 1024 * 1024);
    stream.head({ status: 200, headers: [] }, info);
    stream.chunk(Buffer.from(large));
    stream.end(ok, info);
    await ended.promise;
    expect(told.slice(1).join('')).toBe(large);
  });

  test('that fails says how, the host in its own words', async () => {
    expectReply();
    const stream = open();
    const error = new HostError('unavailable', 'pool.full', 'Come back.', { retryAfterMs: 7 });
    stream.end(error, info);
    const result = await ended.promise;
    expect(result).toBeInstanceOf(HostError);
    expect(result).toMatchObject({
      code: 'unavailable',
      reason: 'pool.full',
      message: 'Come back.',
      retryAfterMs: 7,
    });
  });

  test('is only sent as far as it was granted: grants reach the worker', async () => {
    const pending = expectReply();
    const stream = open();
    const granted = vi.fn<(bytes: number) => void>();
    stream.onGrant(granted);
    stream.head({ status: 200, headers: [] }, info);
    await vi.waitFor(() => expect(told).toHaveLength(1));
    pending.grant(1234);
    await vi.waitFor(() => expect(granted).toHaveBeenCalledWith(1234));
  });
});

describe('a body that did not travel in the lane', () => {
  test.each([0, 100_000, 6 * 1024 * 1024])('of %i bytes is fetched whole', async (size) => {
    const body = Buffer.alloc(size, 'body');
    expectReply(body);
    expect(body.equals(Buffer.concat(await Array.fromAsync(open().openBody())))).toBe(true);
  });

  test('is read no faster than the worker takes it', async () => {
    const pieceBytes = 64 * 1024;
    const total = 64;
    let made = 0;
    async function* source() {
      for (; made < total; made += 1) yield Buffer.alloc(pieceBytes);
    }
    expectReply(source());
    const body = open().openBody()[Symbol.asyncIterator]();
    for (let taken = 1; taken <= total; taken += 1) {
      expect((await body.next()).value).toHaveLength(pieceBytes);
      expect(made - taken).toBeLessThanOrEqual(requestWindowBytes / pieceBytes);
    }
    expect(await body.next()).toEqual({ done: true, value: undefined });
  });

  test('that fails ends the invocation with its failure, at both ends', async () => {
    async function* source(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('half');
      throw new HostError('too_large', 'test.too_large', 'Too large.');
    }
    expectReply(source());
    const stream = open();
    await expect(Array.fromAsync(stream.openBody())).rejects.toThrow();
    expect(await ended.promise).toMatchObject({ reason: 'test.too_large' });
    expect(stream.cancelled.aborted).toBe(true);
  });

  test('is let go when the invocation has ended', async () => {
    const letGo = vi.fn<() => void>();
    const body: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => {}),
        return: async () => {
          letGo();
          return { done: true, value: undefined };
        },
      }),
    };
    expectReply(body);
    const stream = open();
    const reading = Array.fromAsync(stream.openBody());
    stream.end(ok, info);
    await vi.waitFor(() => expect(letGo).toHaveBeenCalledOnce());
    expect(await reading).toEqual([]);
  });

  test('is not waited for when the caller has left', async () => {
    const pending = expectReply(new Uint8Array(1));
    const stream = open();
    stream.head({ status: 200, headers: [] }, info);
    await vi.waitFor(() => expect(told).toHaveLength(1));
    pending.cancel();
    await expect(Array.fromAsync(stream.openBody())).rejects.toThrow();
  });
});

describe('when a side is gone', () => {
  test('the worker hears that the caller left', async () => {
    const pending = expectReply();
    const stream = open();
    stream.head({ status: 200, headers: [] }, info);
    await vi.waitFor(() => expect(told).toHaveLength(1));
    pending.cancel();
    await vi.waitFor(() => expect(stream.cancelled.aborted).toBe(true));
  });

  test('the worker hears that the caller left, also if it has said nothing yet', async () => {
    await otherInvocationUnderWay();
    const pending = expectReply();
    const stream = open();
    pending.cancel();
    await vi.waitFor(() => expect(stream.cancelled.aborted).toBe(true));
  });

  test('the worker hears that the caller had left before it began', async () => {
    expectReply().cancel();
    const stream = open();
    stream.head({ status: 200, headers: [] }, info);
    await vi.waitFor(() => expect(stream.cancelled.aborted).toBe(true));
    expect(told).toEqual([]);
  });

  test('the gateway hears that the worker was lost, also if it had said nothing yet', async () => {
    await otherInvocationUnderWay();
    expectReply();
    const onLost = vi.fn<(node: string) => void>();
    server.watch({ onConnected() {}, onLost });
    server.giveUp(node, new Set([id])); // it is connected
    await client.stop(never);
    await vi.waitFor(() => expect(onLost).toHaveBeenCalledExactlyOnceWith(node));
    expect(told).toEqual([]);
    server.giveUp(node, new Set([id]));
    expect(await ended.promise).toMatchObject({ reason: 'worker.lost', retryAfterMs: 1000 });
  });

  test('the gateway hears at once that a worker was lost that had begun', async () => {
    expectReply();
    open().head({ status: 200, headers: [] }, info);
    await vi.waitFor(() => expect(told).toHaveLength(1));
    await client.stop(never);
    expect(await ended.promise).toMatchObject({ reason: 'worker.lost' });
  });

  test('the worker hears that the gateway was lost', async () => {
    expectReply();
    const stream = open();
    stream.head({ status: 200, headers: [] }, info);
    await vi.waitFor(() => expect(told).toHaveLength(1));
    await server.stop();
    await vi.waitFor(() => expect(stream.cancelled.aborted).toBe(true));
  });

  test('the gateway hears that the worker was lost, also if it broke off in nonsense', async () => {
    expectReply();
    const stranger = connect(join(dir, 'r.sock'));
    stranger.write(encodeFrame(frame.hello, encodeJson({ node })));
    stranger.write(encodeFrame(frame.end, encodeId(id), Buffer.from('{nonsense')));
    expect(await ended.promise).toMatchObject({ reason: 'worker.lost' });
  });

  test('a worker that stops does not wait for a gateway that takes nothing', async () => {
    const path = join(dir, 'deaf.sock');
    const accepted = Promise.withResolvers<Socket>();
    const deaf = createServer((socket) => accepted.resolve(socket.pause())).listen(path);
    const stream = client.open(`unix:${path}`, id);
    stream.chunk(Buffer.alloc(16 * 1024 * 1024));
    const socket = await accepted.promise;
    await client.stop(AbortSignal.timeout(50));
    expect(stream.cancelled.aborted).toBe(true);
    socket.destroy();
    deaf.close();
  });

  test('a second gateway does not take the socket from the first', async () => {
    const second = new ReplyServer({ listen: server.address, logger: silentLogger });
    await expect(second.start()).rejects.toMatchObject({
      code: 'conflict',
      reason: 'replies.in_use',
    });
    expectReply();
    open().end(ok, info);
    expect(await ended.promise).toEqual(ok);
  });

  test('a gateway takes over the socket of one that was killed', async () => {
    const path = join(dir, 'left.sock');
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    await once(spawn(process.execPath, ['-e', script]), 'exit');
    expect(existsSync(path)).toBe(true);
    const next = new ReplyServer({ listen: `unix:${path}`, logger: silentLogger });
    await next.start();
    await next.stop();
  });

  test('nobody but its own user reaches the socket, nor the folder made for it', async () => {
    const path = join(dir, 'gateway', 'r.sock');
    const guarded = new ReplyServer({ listen: `unix:${path}`, logger: silentLogger });
    await guarded.start();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(path))).mode & 0o777).toBe(0o700);
    await guarded.stop();
  });

  test('a peer that speaks otherwise is cut off, and the others are served', async () => {
    const stranger = connect(join(dir, 'r.sock'));
    stranger.write('GET / HTTP/1.1\r\n\r\n');
    await new Promise((resolve) => stranger.once('close', resolve));
    expectReply();
    open().end(ok, info);
    expect(await ended.promise).toEqual(ok);
  });
});

describe('over TCP', () => {
  const clusterKey = randomBytes(32);
  const stack = new AsyncDisposableStack();
  let far: ReplyServer;
  beforeEach(async () => {
    far = new ReplyServer({ listen: 'tcp:127.0.0.1:0', clusterKey, logger: silentLogger });
    await far.start();
    stack.defer(() => far.stop());
  });
  afterAll(() => stack.disposeAsync());

  const clientWith = (key: Buffer | undefined) => {
    const one = new ReplyClient({ node, clusterKey: key, logger: silentLogger });
    stack.defer(() => one.stop(never));
    return one;
  };
  const port = () => Number(far.address.split(':').at(-1));

  test('who has the cluster key is heard, and fetches bodies', async () => {
    const body = randomBytes(300_000);
    far.expect(id, node, body, listener);
    const stream = clientWith(clusterKey).open(far.address, id);
    expect(body.equals(Buffer.concat(await Array.fromAsync(stream.openBody())))).toBe(true);
    stream.head({ status: 200, headers: [] }, info);
    stream.end(ok, info);
    expect(await ended.promise).toEqual(ok);
  });

  test.each([
    ['another key', randomBytes(32)],
    ['no key', undefined],
  ])('who has %s is not heard, and gets nothing', async (_what, key) => {
    far.expect(id, node, Buffer.from('secret'), listener);
    const stream = clientWith(key).open(far.address, id);
    await expect(Array.fromAsync(stream.openBody())).rejects.toThrow();
    expect(stream.cancelled.aborted).toBe(true);
    expect(told).toEqual([]);
  });

  test('a stranger who speaks in the clear is cut off', async () => {
    far.expect(id, node, undefined, listener);
    const stranger = connect(port(), '127.0.0.1');
    stranger.on('error', () => {});
    stranger.write(encodeFrame(frame.hello, encodeJson({ node })));
    await once(stranger.resume(), 'close');
    expect(told).toEqual([]);
  });

  test('a worker tells nothing to who has not the key, whatever certificate that shows', async () => {
    const [cert, key] = await Promise.all(
      ['first.crt', 'first.key'].map((name) =>
        readFile(new URL(`../support/tls/${name}`, import.meta.url)),
      ),
    );
    const received = vi.fn<(bytes: Buffer) => void>();
    const impostor = createTlsServer({ cert, key }, (socket) => socket.on('data', received));
    impostor.listen(0, '127.0.0.1');
    await once(impostor, 'listening');
    const { port: at } = impostor.address() as AddressInfo;
    const stream = clientWith(clusterKey).open(`tcp:127.0.0.1:${at}`, id);
    stream.head({ status: 200, headers: [] }, info);
    await vi.waitFor(() => expect(stream.cancelled.aborted).toBe(true));
    expect(received).not.toHaveBeenCalled();
    impostor.close();
  });

  test('a gateway does not listen without a key', () => {
    const open = () => new ReplyServer({ listen: 'tcp:127.0.0.1:0', logger: silentLogger });
    expect(open).toThrow('without a cluster key');
  });
});
