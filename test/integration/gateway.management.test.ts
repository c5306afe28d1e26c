import { once } from 'node:events';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { packageLimitBytes } from '../../src/domain/limits.ts';
import { digestOf } from '../support/function-records.ts';
import { packageOf } from '../support/package-of.ts';
import { RunningGateway, withKey, type Answer } from '../support/running-gateway.ts';
import type { ScriptedInvocation } from '../support/scripted-worker.ts';

let running: RunningGateway;
beforeEach(async () => {
  running = await RunningGateway.start();
});
afterEach(() => running[Symbol.asyncDispose]());

const soon = { timeout: 10_000, interval: 2 };
const json = ({ text }: Answer): unknown => JSON.parse(text);
const get = (path: string) => running.send('GET', path, { headers: withKey });

const helloConfig = `{
  "name": "hello", "entry": "index.ts", // who is greeted
  "triggers": { "http": { "auth": "none" } },
}`;

const deploy = (body: string | Uint8Array, type = 'application/x-tar') =>
  running.send('POST', '/v1/functions', { headers: { ...withKey, 'content-type': type }, body });

async function deployHello(): Promise<Answer> {
  return await deploy(
    await packageOf({ 'index.ts': 'export default {}', 'hearth.json': helloConfig }),
  );
}

describe('deploying', () => {
  it('records a new version and says where it is reached', async () => {
    const answer = await deployHello();
    expect(answer.status).toBe(201);
    expect(json(answer)).toEqual({
      name: 'hello',
      version: { number: 1, digest: digestOf('a'), createdAt: expect.any(String) },
      changed: true,
      isLive: true,
      unreadyNodes: [],
      url: `${running.gateway.address}/fn/hello`,
    });
    expect((await running.send('GET', '/fn/hello')).text).toBe('ok');
  });

  it('changes nothing when the same is deployed again', async () => {
    await deployHello();
    const answer = await deployHello();
    expect(answer.status).toBe(200);
    expect(json(answer)).toMatchObject({ changed: false, version: { number: 1 } });
  });

  it.each([
    ['a package without hearth.json', { 'index.ts': '' }, 'package.no_config'],
    [
      'a hearth.json that is not at the root',
      { 'sub/hearth.json': helloConfig },
      'package.no_config',
    ],
    ['a hearth.json that is wrong', { 'hearth.json': '{"nam":1}' }, 'function.invalid_config'],
  ])('refuses %s', async (_what, files, reason) => {
    const answer = await deploy(await packageOf(files));
    expect(answer.status).toBe(400);
    expect(json(answer)).toMatchObject({ code: 'invalid', reason });
    expect(running.functions.list()).toEqual([]);
  });

  it('refuses what is no tar, is not called one, or is nothing', async () => {
    const broken = await deploy('this is not a tar archive, '.repeat(40));
    expect(broken.status).toBe(400);
    expect(json(broken)).toMatchObject({ reason: 'package.not_a_tar' });
    expect((await deploy('{}', 'application/json')).status).toBe(415);
    const nothing = await running.send('POST', '/v1/functions', { headers: withKey });
    expect(json(nothing)).toMatchObject({ reason: 'gateway.no_package' });
  });

  it('refuses a package over the limit before it is sent', async () => {
    const { hostname, port } = new URL(running.gateway.address);
    const socket = connect(Number(port), hostname);
    const head = [
      'POST /v1/functions HTTP/1.1',
      'host: here',
      `authorization: ${withKey.authorization}`,
      'content-type: application/x-tar',
      `content-length: ${packageLimitBytes + 1}`,
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 413 .*50\.0 MiB/s);
  });
});

describe('management', () => {
  it('lists functions by name, and shows one', async () => {
    await deployHello();
    await running.addFunction('another', { http: undefined });
    expect(json(await get('/v1/functions'))).toEqual({
      functions: [
        expect.objectContaining({ name: 'another', url: null }),
        {
          name: 'hello',
          runtime: 'node24',
          live: { number: 1, digest: digestOf('a'), createdAt: expect.any(String) },
          versions: 1,
          url: `${running.gateway.address}/fn/hello`,
        },
      ],
    });
    expect(json(await get('/v1/functions/hello'))).toEqual({
      name: 'hello',
      revision: 1,
      live: digestOf('a'),
      versions: [
        {
          number: 1,
          digest: digestOf('a'),
          createdAt: expect.any(String),
          spec: expect.objectContaining({ name: 'hello', entry: 'index.ts' }),
        },
      ],
      url: `${running.gateway.address}/fn/hello`,
    });
  });

  it('removes a function once', async () => {
    await deployHello();
    const remove = () => running.send('DELETE', '/v1/functions/hello', { headers: withKey });
    expect(await remove()).toMatchObject({ status: 204, text: '' });
    expect((await remove()).status).toBe(404);
    expect((await get('/v1/functions/hello')).status).toBe(404);
    expect((await running.send('GET', '/fn/hello')).status).toBe(404);
  });

  it('reads logs with their filters', async () => {
    await deployHello();
    const line = { timeMs: 5, stream: 'stdout', text: 'hi' } as const;
    running.logEntries = [
      { ...line, functionName: 'hello' },
      { ...line, functionName: 'hello', invocationId: 'an-id' },
      { ...line, functionName: 'hello', text: '{"level":"error"}' },
    ];
    const answer = await get('/v1/functions/hello/logs?invocation=an-id&since=3&limit=2');
    expect(json(answer)).toEqual({
      entries: [
        line,
        { ...line, invocationId: 'an-id' },
        { ...line, text: '{"level":"error"}', level: 'error' },
      ],
    });
    await get('/v1/functions/hello/logs');
    expect(running.logQueries).toEqual([
      { functionName: 'hello', invocationId: 'an-id', sinceMs: 3, limit: 2 },
      { functionName: 'hello', limit: 100 },
    ]);
    const wrong = await get('/v1/functions/hello/logs?limit=lots');
    expect(wrong.status).toBe(400);
    expect(json(wrong)).toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('limit'),
    });
    expect((await get('/v1/functions/unknown/logs')).status).toBe(404);
  });

  it.each([
    ['POST', '/v1/functions'],
    ['GET', '/v1/functions'],
    ['GET', '/v1/functions/hello'],
    ['DELETE', '/v1/functions/hello'],
    ['GET', '/v1/functions/hello/logs'],
  ])('wants a key for %s %s', async (method, path) => {
    const answer = await running.send(method, path, { headers: { authorization: 'Bearer no' } });
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Bearer');
    expect(json(answer)).toMatchObject({ code: 'unauthenticated' });
  });

  it('answers an unknown route, and a path that cannot be decoded, with JSON', async () => {
    const unknown = await get('/v3/nothing');
    expect(unknown.status).toBe(404);
    expect(json(unknown)).toMatchObject({ code: 'not_found', reason: 'gateway.no_route' });
    const undecodable = await get('/v1/functions/%F');
    expect(undecodable.status).toBe(400);
    expect(json(undecodable)).toMatchObject({ code: 'invalid' });
  });
});

describe('health', () => {
  it('is ready when a worker node is there, and alive anyhow', async () => {
    expect((await running.send('GET', '/readyz')).status).toBe(200);
    running.nodes = [];
    expect((await running.send('GET', '/readyz')).status).toBe(503);
    expect((await running.send('GET', '/healthz')).status).toBe(200);
  });
});

describe('the server', () => {
  it.each([
    ['bytes that are not HTTP', 'hello\r\n\r\n', 400],
    ['headers that are too large', `GET / HTTP/1.1\r\na: ${'x'.repeat(40_000)}\r\n\r\n`, 431],
  ])('answers %s and closes', async (_what, bytes, status) => {
    const { hostname, port } = new URL(running.gateway.address);
    const socket = connect(Number(port), hostname);
    socket.write(bytes);
    const answer = await text(socket);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({ code: 'invalid' });
  });

  it('says which address is taken', async () => {
    const { port } = new URL(running.gateway.address);
    const second = new RunningGateway(Number(port));
    await expect(second.gateway.start(AbortSignal.timeout(30_000))).rejects.toMatchObject({
      reason: 'gateway.cannot_listen',
      message: expect.stringContaining(port),
    });
    await second.gateway.stop(AbortSignal.abort());
  });

  it('finishes what is under way when it stops, and takes nothing new', async () => {
    await running.addFunction('hello');
    running.worker.script = (invocation) => invocation.head();
    const response = await running.open('GET', '/fn/hello');
    const stopped = running.gateway.stop(AbortSignal.timeout(10_000));
    await vi.waitFor(() => expect(running.open('GET', '/healthz')).rejects.toThrow(), soon);
    running.worker.last.chunk('all of it');
    running.worker.last.end();
    expect(await text(response)).toBe('all of it');
    await stopped;
  });

  it('asks callers that it answers while it stops not to use the connection again', async () => {
    await running.addFunction('hello');
    let invoked: ScriptedInvocation | undefined;
    running.worker.script = (invocation) => {
      invoked = invocation;
    };
    const agent = new Agent({ keepAlive: true });
    const answer = running.send('GET', '/fn/hello', { agent });
    await vi.waitFor(() => expect(invoked).toBeDefined(), soon);
    const stopped = running.gateway.stop(AbortSignal.timeout(10_000));
    invoked?.answer('late');
    expect((await answer).headers.connection).toBe('close');
    await stopped;
    agent.destroy();
  });

  it('breaks off what is not over when the grace is', async () => {
    await running.addFunction('hello');
    running.worker.script = (invocation) => invocation.head();
    const response = await running.open('GET', '/fn/hello');
    const broken = expect(text(response)).rejects.toMatchObject({ code: 'ECONNRESET' });
    await running.gateway.stop(AbortSignal.abort());
    await broken;
    expect(running.worker.last.cancelled).toBe(true);
  });
});
