import { once } from 'node:events';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HostError } from '../../src/domain/errors.ts';
import type { InvocationOutcome } from '../../src/domain/invocation.ts';
import {
  laneBodyLimitBytes,
  responseWindowBytes,
  syncBodyLimitBytes,
} from '../../src/domain/limits.ts';
import type { ScriptedInvocation } from '../support/scripted-worker.ts';
import { RunningGateway, withKey, type Answer } from '../support/running-gateway.ts';

let running: RunningGateway;
beforeEach(async () => {
  running = await RunningGateway.start();
});
afterEach(() => running[Symbol.asyncDispose]());

const soon = { timeout: 10_000, interval: 2 };
const json = ({ text }: Answer): unknown => JSON.parse(text);

describe('an HTTP trigger', () => {
  beforeEach(() => running.addFunction('hello'));

  it('gives the request to the function and its answer to the caller', async () => {
    running.worker.script = (invocation) =>
      invocation.answer('made', {
        status: 201,
        headers: [
          ['Content-Type', 'text/plain'],
          ['Set-Cookie', 'a=1'],
          ['Set-Cookie', 'b=2'],
        ],
      });
    const answer = await running.send('POST', '/fn/hello/orders?name=Ada', {
      headers: { 'Content-Type': 'text/x-odd; a', 'X-Twice': ['1', '2'], Host: 'shop.example' },
      body: 'ein Töpfchen',
    });

    const { item, body, node } = running.worker.last;
    expect(node).toBe('node-1');
    expect(item.functionName).toBe('hello');
    expect(item.deadlineMs - item.acceptedMs).toBe(30_000);
    expect(item.head).toMatchObject({
      trigger: 'http',
      method: 'POST',
      url: '/orders?name=Ada',
      sourceIp: '127.0.0.1',
    });
    expect(item.head.headers.filter(([name]) => name !== 'content-length')).toEqual([
      ['content-type', 'text/x-odd; a'],
      ['x-twice', '1'],
      ['x-twice', '2'],
      ['host', 'shop.example'],
      ['x-forwarded-for', '127.0.0.1'],
      ['x-forwarded-proto', 'http'],
      ['x-forwarded-host', 'shop.example'],
    ]);
    expect(body.toString()).toBe('ein Töpfchen');

    expect(answer).toMatchObject({ status: 201, text: 'made' });
    expect(answer.headers).toMatchObject({
      'content-type': 'text/plain',
      'content-length': '4',
      'set-cookie': ['a=1', 'b=2'],
      'x-hearth-invocation-id': item.id,
      'x-hearth-start': 'warm',
      'server-timing': 'queue;dur=0.50, run;dur=1.25',
    });
  });

  it.each([
    ['/fn/hello', '/'],
    ['/fn/hello?', '/?'],
    ['/fn/hello?a=1', '/?a=1'],
    ['/fn/hello//a%2Fb/%F/../%zz?x=%zz&&y', '//a%2Fb/%F/../%zz?x=%zz&&y'],
  ])('passes the raw path of %s on', async (path, url) => {
    expect((await running.send('GET', path)).status).toBe(200);
    expect(running.worker.last.item.head.url).toBe(url);
  });

  it.each(['OPTIONS', 'DELETE', 'PROPFIND'])('serves %s', async (method) => {
    expect((await running.send(method, '/fn/hello')).text).toBe('ok');
    expect(running.worker.last.item.head.method).toBe(method);
  });

  it('answers HEAD with the length that the function declares, without a body', async () => {
    running.worker.script = (invocation) =>
      invocation.answer('', { headers: [['content-length', '1234']] });
    const { headers, text } = await running.send('HEAD', '/fn/hello');
    expect(headers['content-length']).toBe('1234');
    expect(text).toBe('');
  });

  it('passes the body of a GET on', async () => {
    await running.send('GET', '/fn/hello', { body: 'odd', headers: { 'content-length': 3 } });
    expect(running.worker.last.body.toString()).toBe('odd');
  });

  it('sends a body that is too large for the lane over the direct connection', async () => {
    const body = Buffer.alloc(laneBodyLimitBytes + 1, 'x');
    await running.send('POST', '/fn/hello', { body });
    expect(running.worker.last.item.body).toBeUndefined();
    expect(running.worker.last.body.equals(body)).toBe(true);
  });

  it('takes a body of exactly the limit', async () => {
    const body = Buffer.alloc(syncBodyLimitBytes);
    expect((await running.send('POST', '/fn/hello', { body })).status).toBe(200);
  });

  it('answers 413 to a body over the limit for a function that takes no streams', async () => {
    await running.addFunction('lambda', { runtime: 'python3' });
    const body = Buffer.alloc(syncBodyLimitBytes + 1);
    const tooLarge = { code: 'too_large', reason: 'gateway.body_too_large' };
    const declared = await running.send('POST', '/fn/lambda', { body });
    expect(declared.status).toBe(413);
    expect(json(declared)).toMatchObject(tooLarge);
    const chunked = await running.send('POST', '/fn/lambda', {
      body,
      headers: { 'transfer-encoding': 'chunked' },
    });
    expect(chunked.status).toBe(413);
    expect(json(chunked)).toMatchObject({ message: expect.stringContaining('6.0 MiB') });
    expect(running.worker.invocations).toEqual([]);
  });

  it('answers 404 for an unknown function and for one without an HTTP trigger', async () => {
    await running.addFunction('internal', { http: undefined });
    for (const name of ['unknown', 'internal', '..%2f..']) {
      const answer = await running.send('GET', `/fn/${name}`);
      expect(answer.status).toBe(404);
      expect(answer.headers['x-hearth-error']).toBe('gateway.no_function');
      expect(json(answer)).toMatchObject({ code: 'not_found' });
    }
  });

  it('answers 405 with the methods that are served', async () => {
    await running.addFunction('reader', { http: { auth: 'none', methods: ['GET', 'PUT'] } });
    const answer = await running.send('POST', '/fn/reader');
    expect(answer.status).toBe(405);
    expect(answer.headers.allow).toBe('GET, PUT');
    expect((await running.send('HEAD', '/fn/reader')).status).toBe(200);
  });

  it('wants a key where its config says so, and does not show it to the function', async () => {
    await running.addFunction('private', { http: { auth: 'key', methods: [] } });
    const refused = await running.send('GET', '/fn/private', {
      headers: { authorization: 'Bearer id:wrong' },
    });
    expect(refused.status).toBe(401);
    expect(refused.headers['www-authenticate']).toBe('Bearer');
    expect((await running.send('GET', '/fn/private', { headers: withKey })).status).toBe(200);
    const names = running.worker.last.item.head.headers.map(([name]) => name);
    expect(names).not.toContain('authorization');
  });

  it('passes the Authorization header of a public function on: it is its own', async () => {
    await running.send('GET', '/fn/hello', { headers: { authorization: 'Basic abc' } });
    expect(running.worker.last.item.head.headers).toContainEqual(['authorization', 'Basic abc']);
  });
});

describe('an explicit invocation', () => {
  const path = '/v1/functions/hello/invocations';
  beforeEach(() => running.addFunction('hello', { http: undefined }));

  it('gives the JSON to the function as its event', async () => {
    const answer = await running.send('POST', path, { headers: withKey, body: '{"a":[1]}' });
    expect(answer).toMatchObject({ status: 200, text: 'ok' });
    const { item, body } = running.worker.last;
    expect(item.head).toMatchObject({ trigger: 'event', method: 'POST', url: '/' });
    expect(item.head.headers.map(([name]) => name)).not.toContain('authorization');
    expect(body.toString()).toBe('{"a":[1]}');
  });

  it('makes an empty event of no body', async () => {
    await running.send('POST', path, { headers: withKey });
    expect(running.worker.last.body.toString()).toBe('{}');
  });

  it.each([
    ['malformed JSON', '{"a":'],
    ['JSON that is not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ])('answers 400 to %s', async (_what, body) => {
    const answer = await running.send('POST', path, { headers: withKey, body });
    expect(answer.status).toBe(400);
    expect(json(answer)).toMatchObject({ code: 'invalid', reason: 'gateway.invalid_json' });
    expect(running.worker.invocations).toEqual([]);
  });

  it('wants a key before it says whether there is such a function', async () => {
    const unknown = '/v1/functions/unknown/invocations';
    expect((await running.send('POST', unknown)).status).toBe(401);
    expect((await running.send('POST', unknown, { headers: withKey })).status).toBe(404);
  });
});

describe('a streamed answer', () => {
  beforeEach(() => running.addFunction('hello'));

  it('arrives piece by piece', async () => {
    running.worker.script = (invocation) => invocation.head({ status: 203 });
    const response = await running.open('GET', '/fn/hello');
    expect(response.statusCode).toBe(203);
    const { last } = running.worker;
    for (const piece of ['one', 'two']) {
      last.chunk(piece);
      const [received] = (await once(response, 'data')) as [Buffer];
      expect(received.toString()).toBe(piece);
    }
    last.chunk('three');
    last.end();
    expect(await text(response)).toBe('three');
    expect(last.cancelled).toBe(false);
  });

  it('is granted only as fast as the caller reads', async () => {
    running.worker.script = (invocation) => invocation.head();
    const response = await running.open('GET', '/fn/hello');
    response.pause();
    const { last } = running.worker;
    const chunk = Buffer.alloc(64 * 1024);
    const tooMuch = 64 * 1024 * 1024; // far more than what the kernel buffers on the way
    let sentBytes = 0;
    const windowLeft = () => responseWindowBytes + last.grantedBytes - sentBytes;
    await vi.waitFor(() => {
      const before = sentBytes;
      while (windowLeft() >= chunk.length && sentBytes < tooMuch) {
        last.chunk(chunk);
        sentBytes += chunk.length;
      }
      expect(sentBytes).toBe(before);
    }, soon);
    expect(sentBytes).toBeLessThan(tooMuch);

    let receivedBytes = 0;
    response.on('data', (bytes: Buffer) => {
      receivedBytes += bytes.length;
    });
    response.resume();
    await vi.waitFor(() => expect(receivedBytes).toBe(sentBytes), soon);
    await vi.waitFor(() => expect(windowLeft()).toBeGreaterThan(responseWindowBytes / 2), soon);
    last.end();
    await once(response, 'end');
  });

  it('ends at the worker when the caller leaves', async () => {
    running.worker.script = (invocation) => invocation.head();
    const response = await running.open('GET', '/fn/hello');
    response.destroy();
    await vi.waitFor(() => expect(running.worker.last.cancelled).toBe(true), soon);
    expect(running.logged).toMatchObject([{ level: 'info', fields: { status: 499 } }]);
    running.worker.last.end(); // too late; heard by nobody
  });

  it('is broken off when the function fails after its head', async () => {
    running.worker.script = (invocation) => invocation.head();
    const response = await running.open('GET', '/fn/hello');
    running.worker.last.chunk('half');
    running.worker.last.end({ kind: 'crashed', exitCode: 1 });
    await expect(text(response)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});

/** How an invocation that ends so is answered to a caller with a key. */
function privately(end: InvocationOutcome | HostError): Promise<Answer> {
  running.worker.script = (invocation) => invocation.end(end);
  return running.send('POST', '/v1/functions/hello/invocations', { headers: withKey });
}

function publicly(end: InvocationOutcome | HostError): Promise<Answer> {
  running.worker.script = (invocation) => invocation.end(end);
  return running.send('GET', '/fn/hello');
}

describe('a failed invocation', () => {
  const error = { type: 'TypeError', message: 'x is undefined', stack: 'at index.ts:3' };
  beforeEach(() => running.addFunction('hello'));

  it.each([
    [502, 'function.error', { kind: 'function_error', error }],
    [502, 'function.crashed', { kind: 'crashed', exitCode: 3 }],
    [502, 'function.out_of_memory', { kind: 'out_of_memory', limitBytes: 134_217_728 }],
    [504, 'timeout.run', { kind: 'timeout', phase: 'run' }],
    [504, 'timeout.queue', { kind: 'timeout', phase: 'queue' }],
  ] as const)('is answered with %i %s', async (status, reason, outcome) => {
    const answer = await publicly(outcome);
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject({
      'x-hearth-error': reason,
      'x-hearth-invocation-id': running.worker.last.item.id,
      'x-hearth-start': 'warm',
    });
    expect(json(answer)).toMatchObject({ reason, invocationId: running.worker.last.item.id });
  });

  it('shows what the function threw to callers with a key only', async () => {
    const outcome = { kind: 'function_error', error } as const;
    expect(json(await privately(outcome))).toMatchObject({
      code: 'function_error',
      message: 'The function failed with TypeError: x is undefined',
      error,
    });
    expect((await publicly(outcome)).text).not.toContain('undefined');
    expect((await publicly({ kind: 'crashed', exitCode: 3 })).text).not.toContain('3 before');
  });

  it('shows an id where the host failed, and has the rest in the log', async () => {
    const cause = new Error('disk on fire');
    const answer = await privately(new HostError('internal', 'pool.broken', 'Oh.', { cause }));
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain('Oh.');
    const { id } = running.worker.last.item;
    expect(json(answer)).toMatchObject({ message: expect.stringContaining(id) });
    expect(running.logged).toMatchObject([
      { level: 'error', fields: { invocationId: id, error: { cause } } },
    ]);
  });

  it('says when to try again', async () => {
    const busy = new HostError('unavailable', 'pool.exhausted', 'Full.', { retryAfterMs: 1_200 });
    const answer = await publicly(busy);
    expect(answer.status).toBe(503);
    expect(answer.headers['retry-after']).toBe('2');
    const answered = running.facts.find(({ type }) => type === 'http.answered');
    expect(answered?.data).toMatchObject({ status: 503, reason: 'pool.exhausted' });
  });

  it.each([
    ['a line break in a header', { headers: [['x-a', 'b\r\nset-cookie: c']] }],
    ['a header that is no token', { headers: [['x a', 'b']] }],
    ['a status that HTTP has not', { status: 99 }],
  ] as const)('is what %s makes of an answer', async (_what, head) => {
    running.worker.script = (invocation) => invocation.answer('x', head);
    const answer = await running.send('GET', '/fn/hello');
    expect(answer.status).toBe(502);
    expect(answer.headers['x-hearth-error']).toBe('function.invalid_response');
    expect(answer.headers['set-cookie']).toBeUndefined();
  });

  it('is 503 at once when there is no node', async () => {
    running.nodes = [];
    const answer = await running.send('GET', '/fn/hello');
    expect(answer.status).toBe(503);
    expect(answer.headers).toMatchObject({
      'x-hearth-error': 'gateway.no_nodes',
      'retry-after': '1',
    });
  });

  it('is 429 at once where it could not begin in time, and sends nothing to a node', async () => {
    const scaling = { min: 0, max: 1 };
    await running.addFunction('slow', { scaling, timeoutMs: 30_000 });
    running.worker.script = (invocation) => {
      invocation.runMs = 20_000;
      invocation.answer('ok');
    };
    for (let runs = 0; runs < 10; runs += 1) await running.send('GET', '/fn/slow');
    const held: ScriptedInvocation[] = [];
    running.worker.script = (invocation) => void held.push(invocation);
    const waiting = Array.from({ length: 4 }, () => running.send('GET', '/fn/slow'));
    await vi.waitFor(() => expect(held).toHaveLength(4), soon);

    const answer = await running.send('GET', '/fn/slow');
    expect(answer.status).toBe(429);
    expect(answer.headers).toMatchObject({
      'retry-after': '30',
      'x-hearth-error': 'gateway.backlog',
    });
    expect(held).toHaveLength(4);

    await running.addFunction('other', { scaling, timeoutMs: 30_000 });
    waiting.push(...Array.from({ length: 6 }, () => running.send('GET', '/fn/other')));
    await vi.waitFor(() => expect(held).toHaveLength(10), soon); // nobody knows how long it takes
    for (const invocation of held) invocation.answer('ok');
    for (const ended of await Promise.all(waiting)) expect(ended.status).toBe(200);
    running.worker.script = (invocation) => invocation.answer('ok');
    expect((await running.send('GET', '/fn/slow')).status).toBe(200);
  });

  it('is 503 when the queue does not take it', async () => {
    running.worker.queueFailure = new HostError('unavailable', 'lane.unavailable', 'No Redis.');
    const answer = await running.send('GET', '/fn/hello');
    expect(answer.status).toBe(503);
    expect(json(answer)).toMatchObject({ reason: 'lane.unavailable' });
  });

  it('is 504 when the worker says nothing until after the deadline', async () => {
    await running.addFunction('hasty', { timeoutMs: 1 });
    running.worker.script = () => {};
    const answer = await running.send('GET', '/fn/hasty');
    expect(answer.status).toBe(504);
    expect(json(answer)).toMatchObject({ code: 'timeout', reason: 'timeout.worker_silent' });
    expect(running.worker.last.cancelled).toBe(true);
  });
});

describe('a caller that leaves while it sends its body', () => {
  it('causes no invocation', async () => {
    await running.addFunction('hello');
    const { hostname, port } = new URL(running.gateway.address);
    const headers = { 'content-length': 10 };
    const sent = request({ method: 'POST', hostname, port, path: '/fn/hello', headers });
    sent.on('error', () => {});
    sent.write('half');
    await once(sent, 'socket');
    await new Promise((resolve) => sent.write('!', resolve));
    sent.destroy();
    await vi.waitFor(() => expect(running.logged).toMatchObject([{ level: 'info' }]), soon);
    expect(running.worker.invocations).toEqual([]);
  });
});
