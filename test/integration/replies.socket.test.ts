import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { HostError } from '../../src/domain/errors.ts';
import type { InvocationOutcome } from '../../src/domain/invocation.ts';
import type { ReplyListener, ReplyStream, StartInfo } from '../../src/domain/reply.ts';
import { ReplyClient } from '../../src/replies/reply-client.ts';
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
  await client.stop();
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

  test('the worker hears that the caller had left before it began', async () => {
    expectReply().cancel();
    const stream = open();
    stream.head({ status: 200, headers: [] }, info);
    await vi.waitFor(() => expect(stream.cancelled.aborted).toBe(true));
    expect(told).toEqual([]);
  });

  test('the gateway hears that the worker was lost, also if it had said nothing yet', async () => {
    const other = new ReplyClient({ node, logger: silentLogger });
    other
      .open(server.address, '99999999-1234-4123-8123-123456789abc')
      .head({ status: 200, headers: [] }, info);
    expectReply();
    await other.stop();
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

  test('a peer that speaks otherwise is cut off, and the others are served', async () => {
    const stranger = connect(join(dir, 'r.sock'));
    stranger.write('GET / HTTP/1.1\r\n\r\n');
    await new Promise((resolve) => stranger.once('close', resolve));
    expectReply();
    open().end(ok, info);
    expect(await ended.promise).toEqual(ok);
  });
});
