import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PieceQueue } from '../../src/lib/piece-queue.ts';
import { start, type OpenedChannel } from '../contract/sandbox-channel.ts';
import { openHttp, openLambda, type HttpPeer, type LambdaPeer } from '../support/channel-peers.ts';

const init = {
  entry: '',
  env: {},
  functionName: 'tested',
  version: 'sha256:1',
  memoryBytes: 1,
  timeoutMs: 1,
  concurrency: 10,
};
const api = '/2018-06-01/runtime';

let opened: OpenedChannel;
const ready = async () => {
  await vi.waitFor(() => expect(opened.events).toEqual(['hello']), 20_000);
  opened.channel.init(init);
  await opened.peer.beReady();
  await vi.waitFor(() => expect(opened.events).toContain('ready'), 20_000);
};
afterEach(() => opened.close());

describe('the Runtime API', () => {
  let peer: LambdaPeer;
  beforeEach(async () => {
    opened = await openLambda();
    peer = opened.peer as LambdaPeer;
  });

  const post = async (path: string, body: string | Uint8Array, headers = {}) => {
    const response = await peer.ask({ method: 'POST', path: `${api}${path}`, headers }, body);
    return { status: response.statusCode, body: JSON.parse(await text(response)) as object };
  };

  /** An invocation that the client has taken, with the id by which it knows it. */
  async function taken() {
    const one = start(opened.channel, 'body');
    const next = await peer.ask({ path: `${api}/invocation/next` });
    await text(next);
    return { one, next, id: next.headers['lambda-runtime-aws-request-id'] as string };
  }

  /** As `ready`, but the poll that said so is answered and over. */
  async function running() {
    await ready();
    const first = start(opened.channel, 'first');
    await (await peer.take()).answer('');
    await first.settled;
  }

  test('gives the event with all that clients ask for', async () => {
    await running();
    const { next, id } = await taken();
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(Number(next.headers['lambda-runtime-deadline-ms'])).toBeGreaterThan(Date.now());
    expect(next.headers['lambda-runtime-invoked-function-arn']).toContain(':function:tested');
  });

  test('takes an answer once, and none for an invocation that is not under way', async () => {
    await running();
    const { one, id } = await taken();
    const answer = () => post(`/invocation/${id}/response`, '"fine"');
    expect(await answer()).toEqual({ status: 202, body: { status: 'OK' } });
    await one.settled;
    const refusal = { status: 400, body: { errorType: 'InvalidRequestID' } };
    expect(await answer()).toMatchObject(refusal);
    expect(await post(`/invocation/${id}/error`, '{}')).toMatchObject(refusal);
    const waiting = start(opened.channel, 'not taken yet');
    const forged = '00000000-0000-4000-8000-000000000000';
    expect(await post(`/invocation/${forged}/response`, '1')).toMatchObject(refusal);
    expect(await post('/invocation/../response', '1')).toMatchObject(refusal);
    expect(waiting.settlements()).toBe(0);
    expect(one.settlements()).toBe(1);
  });

  test('refuses an answer over 6 MiB, of which the caller is told', async () => {
    await running();
    const { one, id } = await taken();
    const body = Buffer.alloc(6 * 1024 ** 2 + 101, ' ');
    const refusal = { status: 413, body: { errorType: 'RequestEntityTooLarge' } };
    expect(await post(`/invocation/${id}/response`, body)).toMatchObject(refusal);
    expect(await one.settled).toMatchObject({ type: 'Function.ResponseSizeTooLarge' });
  });

  test.each([
    ['no JSON', 'not json'],
    ['a status that is none', '{"statusCode": 99}'],
    ['a header that is none', '{"statusCode": 200, "headers": {"a b": "c"}}'],
    ['a header with a line break', '{"statusCode": 200, "headers": {"a": "b\\r\\nc: d"}}'],
  ])('makes an error of an answer that is %s', async (_, body) => {
    await running();
    const { one, id } = await taken();
    expect(await post(`/invocation/${id}/response`, body)).toMatchObject({ status: 202 });
    expect(await one.settled).toMatchObject({ type: 'Runtime.InvalidResponse' });
    expect(one.heads).toEqual([]);
  });

  test('passes on an error, also with the headers of 1 MB that clients send with it', async () => {
    await running();
    const { one, id } = await taken();
    const error = { errorType: 'TypeError', errorMessage: 'wrong', trace: ['at a', 'at b'] };
    const headers = { 'lambda-runtime-function-xray-error-cause': 'x'.repeat(1_000_000) };
    const answer = await post(`/invocation/${id}/error`, JSON.stringify(error), headers);
    expect(answer.status).toBe(202);
    const expected = { type: 'TypeError', message: 'wrong', stack: 'at a\nat b' };
    expect(await one.settled).toEqual(expected);
  });

  const loadError = JSON.stringify({ errorType: 'Runtime.ImportModuleError' });

  test('hears that the function did not load', async () => {
    await vi.waitFor(() => expect(opened.events).toEqual(['hello']), 20_000);
    opened.channel.init(init);
    expect(await post('/init/error', loadError)).toMatchObject({ status: 202 });
    expect(opened.events).toEqual(['hello', 'init failed: Runtime.ImportModuleError']);
  });

  test('hears it no more once it has', async () => {
    await running();
    const late = { status: 403, body: { errorType: 'InvalidStateTransition' } };
    expect(await post('/init/error', loadError)).toMatchObject(late);
  });

  test('is there and nothing else is', async () => {
    const ping = await peer.ask({ path: '/ping' });
    expect(await text(ping)).toBe('pong');
    for (const path of [
      '/',
      '/2018-06-01/runtime/restore/next',
      '/2020-01-01/extension/register',
    ]) {
      expect((await peer.ask({ path })).statusCode).toBe(404);
    }
  });
});

describe('a server of the function', () => {
  let peer: HttpPeer;
  beforeEach(async () => {
    opened = await openHttp();
    peer = opened.peer as HttpPeer;
    await ready();
  });

  test('gets the request as the caller sent it, and who forwarded it', async () => {
    start(opened.channel, 'the body');
    const [request] = await peer.takeRequest();
    expect(request).toMatchObject({ method: 'POST', url: '/path?query=1' });
    expect(request.headers).toMatchObject({
      host: 'fn.example',
      'content-type': 'text/plain',
      'content-length': '8',
      forwarded: 'for=192.0.2.1;host="fn.example";proto=http',
      'x-hearth-invocation-id': expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    });
  });

  test.each([
    ['that is no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n', 'Runtime.InvalidResponse'],
    [
      'with headers over 64 KiB',
      `HTTP/1.1 200 OK\r\na: ${'x'.repeat(70_000)}\r\n\r\n`,
      'Runtime.InvalidResponse',
    ],
    [
      'that is cut short',
      'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf',
      'Runtime.BrokenResponse',
    ],
    [
      'that changes the protocol',
      'HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
      'Runtime.BrokenResponse',
    ],
    ['that is none', '', 'Runtime.BrokenResponse'],
  ])('whose answer is one %s ends the invocation with an error', async (_, bytes, type) => {
    const one = start(opened.channel, '');
    const [{ socket }] = await peer.takeRequest();
    socket.end(bytes);
    expect(await one.settled).toMatchObject({ type });
    const next = start(opened.channel, 'next');
    await (await peer.take()).answer('fine');
    expect(await next.settled).toBeUndefined();
  });

  test('may change the protocol where that is asked for, and ends by either side', async () => {
    const body = new PieceQueue({ onTaken: () => {} });
    const asked = peer.takeUpgrade();
    const one = start(opened.channel, '', body, 'raw');
    const [{ headers }, socket] = await asked;
    expect(headers).toMatchObject({ upgrade: 'raw', connection: 'upgrade', host: 'fn.example' });
    socket.write('HTTP/1.1 101 Switching\r\nupgrade: raw\r\nconnection: upgrade\r\n\r\nhello');
    await vi.waitFor(() => expect(one.text()).toBe('hello'), 20_000);
    expect(one.heads).toMatchObject([{ status: 101 }]);
    const said = once(socket, 'data');
    body.push(Buffer.from('said'));
    expect(String((await said)[0])).toBe('said');
    const ended = once(socket.resume(), 'end');
    body.end();
    await ended;
    socket.end('bye');
    expect(await one.settled).toBeUndefined();
    expect(one.text()).toBe('hellobye');
  });
});
