import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { HostError } from '../../src/domain/errors.ts';
import type { InvocationOutcome } from '../../src/domain/invocation.ts';
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

const expectReply = (body?: Uint8Array) => server.expect(id, node, body, listener);
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
    expect(body.equals(await open().fetchBody(never))).toBe(true);
  });

  test('is not waited for when the caller has left', async () => {
    const stream = open();
    await expect(stream.fetchBody(stream.cancelled)).rejects.toThrow();
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
    await client.stop(never);
    expect(await ended.promise).toMatchObject({ reason: 'worker.lost', retryAfterMs: 1000 });
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
