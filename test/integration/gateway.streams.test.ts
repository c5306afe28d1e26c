import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HostError } from '../../src/domain/errors.ts';
import { syncBodyLimitBytes } from '../../src/domain/limits.ts';
import { RunningGateway, withKey } from '../support/running-gateway.ts';
import type { ScriptedInvocation } from '../support/scripted-worker.ts';

const soon = { timeout: 10_000, interval: 5 };
const chunked = { 'transfer-encoding': 'chunked' };

let running: RunningGateway;
beforeEach(async () => {
  running = await RunningGateway.start();
  running.worker.script = () => {}; // what becomes of an invocation each test says
  await running.addFunction('hello');
});
afterEach(() => running[Symbol.asyncDispose]());

/** A request whose body the test sends. */
function begin(headers: Record<string, string | number> = chunked, path = '/fn/hello') {
  const { hostname, port } = new URL(running.gateway.address);
  const sent = request({ method: 'POST', hostname, port, path, headers, agent: false });
  sent.on('error', () => {});
  const response = once(sent, 'response') as Promise<[IncomingMessage]>;
  response.catch(() => {});
  sent.flushHeaders();
  return { sent, answer: () => response.then(([first]) => first) };
}

async function invoked(): Promise<ScriptedInvocation> {
  return await vi.waitFor(() => running.worker.last, soon);
}

function piecesOf({ stream }: ScriptedInvocation): AsyncIterator<Uint8Array> {
  if (!stream) throw new Error('the body is not streamed');
  return stream[Symbol.asyncIterator]();
}

const textOf = async (pieces: AsyncIterator<Uint8Array>) =>
  Buffer.from((await pieces.next()).value ?? []).toString();

/** Writes until the gateway takes no more; gives how much that was. */
async function fill(sent: ClientRequest): Promise<number> {
  const piece = Buffer.alloc(64 * 1024);
  let bytes = 0;
  for (;;) {
    bytes += piece.length;
    if (sent.write(piece)) continue;
    const drained = await Promise.race([once(sent, 'drain'), stall()]);
    if (drained === undefined) return bytes;
  }
}

/** So long nothing of what was written left. */
const stall = () => delay(300, undefined);

describe('a streamed request', () => {
  it('begins before its body has ended, and is answered when the function likes', async () => {
    const { sent, answer } = begin();
    sent.write('one');
    const invocation = await invoked();
    const pieces = piecesOf(invocation);
    expect(await textOf(pieces)).toBe('one');
    invocation.head();
    invocation.chunk('early ');
    const response = await answer();
    sent.end('two');
    expect(await textOf(pieces)).toBe('two');
    expect((await pieces.next()).done).toBe(true);
    invocation.chunk('late');
    invocation.end();
    expect(await text(response)).toBe('early late');
  });

  it('may be longer than what can be held, and declare so', async () => {
    const { sent, answer } = begin({ 'content-length': syncBodyLimitBytes + 1 });
    sent.end(Buffer.alloc(syncBodyLimitBytes + 1));
    const invocation = await invoked();
    let bytes = 0;
    for await (const piece of invocation.stream ?? []) bytes += piece.length;
    expect(bytes).toBe(syncBodyLimitBytes + 1);
    invocation.answer('done');
    expect(await text(await answer())).toBe('done');
  });

  it('is taken from the caller no faster than from the gateway', async () => {
    const { sent } = begin();
    const pieces = piecesOf(await invoked());
    await Promise.all([pieces.next(), fill(sent)]);
    // What the sockets hold, which is less than what is sent until then.
    expect(await fill(sent)).toBeLessThan(16 * 1024 * 1024);
    sent.destroy();
  });

  it.each([
    ['is not asked for', 0],
    ['is half read', 1],
  ])('that %s when the function answers lets the caller read the answer', async (_, reads) => {
    const { sent, answer } = begin();
    sent.write(Buffer.alloc(200_000));
    const invocation = await invoked();
    const pieces = piecesOf(invocation);
    if (reads > 0) await pieces.next();
    await pieces.return?.();
    invocation.answer('no, thanks', { status: 403 });
    const response = await answer();
    expect(response.statusCode).toBe(403);
    expect(await text(response)).toBe('no, thanks');
    sent.end(Buffer.alloc(10 * 1024 * 1024)); // thrown away
    await once(sent, 'close');
  });

  it('fails at both ends when the caller leaves in the middle', async () => {
    const { sent } = begin();
    sent.write('half');
    const invocation = await invoked();
    const pieces = piecesOf(invocation);
    expect(await textOf(pieces)).toBe('half');
    const next = pieces.next();
    next.catch(() => {});
    sent.destroy();
    await expect(next).rejects.toMatchObject({ reason: 'gateway.caller_left' });
    await vi.waitFor(() => expect(invocation.cancelled).toBe(true), soon);
  });

  it('is not begun where it is declared to be over every limit', async () => {
    const { answer } = begin({ 'content-length': 11 * 1024 ** 3 });
    expect((await answer()).statusCode).toBe(413);
    expect(running.worker.invocations).toEqual([]);
  });

  it('of an explicit invoke is held whole, as it has to be JSON', async () => {
    const path = '/v1/functions/hello/invocations';
    const { sent } = begin({ ...chunked, ...withKey }, path);
    sent.end('{"a":1}');
    const invocation = await invoked();
    expect(invocation.stream).toBeUndefined();
    expect(invocation.body.toString()).toBe('{"a":1}');
    invocation.answer('');
  });
});

describe('a caller that asks before it sends its body', () => {
  const asking = { 'content-length': 4, expect: '100-continue' };

  it('hears that it may, and is served', async () => {
    const { sent, answer } = begin(asking);
    await once(sent, 'continue');
    sent.end('body');
    const invocation = await invoked();
    expect(invocation.body.toString()).toBe('body');
    expect(invocation.item.head.headers.map(([name]) => name)).not.toContain('expect');
    invocation.answer('ok');
    expect(await text(await answer())).toBe('ok');
  });

  it('hears so of a stream only when the function reads it', async () => {
    const { sent, answer } = begin({ ...chunked, expect: '100-continue' });
    const heard = vi.fn<() => void>();
    sent.on('continue', heard);
    const invocation = await invoked();
    expect(heard).not.toHaveBeenCalled();
    const reading = textOf(piecesOf(invocation));
    await vi.waitFor(() => expect(heard).toHaveBeenCalledOnce(), soon);
    sent.end('body');
    expect(await reading).toBe('body');
    invocation.answer('ok');
    expect(await text(await answer())).toBe('ok');
  });

  it('is refused without having sent it', async () => {
    const { sent, answer } = begin(asking, '/fn/unknown');
    const heard = vi.fn<() => void>();
    sent.on('continue', heard);
    expect((await answer()).statusCode).toBe(404);
    expect(heard).not.toHaveBeenCalled();
    sent.destroy();
  });

  it('may also ask the management routes', async () => {
    const { sent, answer } = begin(
      { ...asking, ...withKey, 'content-type': 'application/json' },
      '/v1/keys',
    );
    await once(sent, 'continue');
    sent.end('{}  ');
    expect((await answer()).statusCode).toBe(400);
  });
});

describe('a refusal with "connection: close"', () => {
  it('is read whole by a caller that still sends', async () => {
    await running.addFunction('lambda', { runtime: 'python3' });
    const { hostname, port } = new URL(running.gateway.address);
    const socket = connect(Number(port), hostname);
    const length = 32 * 1024 * 1024;
    socket.write(
      `POST /fn/lambda HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: ${length}\r\n\r\n`,
    );
    socket.write(Buffer.alloc(length));
    socket.end();
    const answer = await text(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('gateway.body_too_large');
  });
});

describe('a stream that the host ends', () => {
  it('says why where the answer had not begun', async () => {
    const { sent, answer } = begin();
    sent.write('x');
    const invocation = await invoked();
    invocation.end(new HostError('too_large', 'worker.body_too_large', 'Too large.'));
    const response = await answer();
    expect(response.statusCode).toBe(413);
    expect(response.headers['x-hearth-error']).toBe('worker.body_too_large');
    sent.destroy();
  });
});

describe('a connection that is to change its protocol', () => {
  const asking = { connection: 'upgrade', upgrade: 'raw' };
  const image = { reference: 'r', channel: 'http' } as const;
  beforeEach(() => running.addFunction('server', { runtime: 'image', image }));

  function ask(path = '/fn/server', headers: Record<string, string> = asking) {
    const { hostname, port } = new URL(running.gateway.address);
    const sent = request({ hostname, port, path, headers, agent: false });
    sent.on('error', () => {});
    sent.end();
    return sent;
  }

  async function upgraded() {
    const sent = ask();
    const invocation = await invoked();
    expect(invocation.item.head.upgrade).toBe('raw');
    invocation.head({ status: 101, headers: [['Upgrade', 'raw']] });
    const [response, socket] = (await once(sent, 'upgrade')) as [IncomingMessage, Socket];
    return { invocation, response, socket, pieces: piecesOf(invocation) };
  }

  it('carries bytes both ways until the function ends', async () => {
    const { invocation, response, socket, pieces } = await upgraded();
    expect(response.headers).toMatchObject({ connection: 'upgrade', upgrade: 'raw' });
    expect(response.headers['x-hearth-invocation-id']).toBe(invocation.item.id);
    socket.write('question');
    expect(await textOf(pieces)).toBe('question');
    invocation.chunk('answer');
    expect(String((await once(socket, 'data'))[0])).toBe('answer');
    invocation.end();
    await once(socket, 'end');
    const answered = running.facts.find(({ type }) => type === 'http.answered');
    expect(answered?.data).toMatchObject({ status: 101 });
  });

  it('outlives the timeout of the function, and grants as its caller reads', async () => {
    await running.addFunction('quick', { runtime: 'image', image, timeoutMs: 100 });
    const sent = ask('/fn/quick');
    const invocation = await invoked();
    invocation.head({ status: 101, headers: [['upgrade', 'raw']] });
    const [, socket] = (await once(sent, 'upgrade')) as [IncomingMessage, Socket];
    await delay(1_300); // its timeout, and a second for the worker's word
    invocation.chunk(Buffer.alloc(1000));
    await once(socket, 'data');
    expect(invocation.grantedBytes).toBe(1000);
    expect(invocation.cancelled).toBe(false);
    socket.destroy();
  });

  it('that its caller leaves ends for the function, which may end by itself', async () => {
    const { invocation, socket, pieces } = await upgraded();
    const end = pieces.next();
    socket.destroy();
    expect((await end).done).toBe(true);
    invocation.chunk('taken by nobody');
    await vi.waitFor(() => expect(invocation.grantedBytes).toBe(15), soon);
    invocation.end();
    expect(invocation.cancelled).toBe(false);
  });

  it('is told to end when the gateway stops', async () => {
    const { socket, invocation } = await upgraded();
    const ended = once(socket.resume(), 'end');
    const stopped = running.gateway.stop(AbortSignal.timeout(10_000));
    await ended;
    socket.end();
    invocation.end();
    await stopped;
  });

  it('is refused without a key where one is asked for', async () => {
    const http = { auth: 'key', methods: [] } as const;
    await running.addFunction('guarded', { runtime: 'image', image, http });
    const [response] = (await once(ask('/fn/guarded'), 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(401);
    expect(await text(response)).toContain('gateway.key_required');
  });

  it.each([
    ['to a function that serves no other protocol', '/fn/hello', asking],
    ['to HTTP/2', '/fn/server', { connection: 'upgrade', upgrade: 'h2c' }],
  ])('%s is an ordinary request', async (_, path, headers) => {
    const sent = ask(path, headers);
    const invocation = await invoked();
    expect(invocation.item.head.upgrade).toBeUndefined();
    invocation.answer('plain');
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    expect(await text(response)).toBe('plain');
  });

  it('is an error where a function changes it unasked', async () => {
    const { answer } = begin({}, '/fn/server');
    const invocation = await invoked();
    invocation.head({ status: 101 });
    expect((await answer()).statusCode).toBe(502);
  });
});
