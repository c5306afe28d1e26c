import { once } from 'node:events';
import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HttpTrigger } from '../../src/domain/http-trigger.ts';
import { digestOf } from '../support/function-records.ts';
import { packageOf } from '../support/package-of.ts';
import { RunningGateway, withKey, type Answer } from '../support/running-gateway.ts';

let running: RunningGateway;
beforeEach(async () => {
  running = await RunningGateway.start(); // functions may have api.example.com and *.fn.example.com
});
afterEach(() => running[Symbol.asyncDispose]());

const add = (name: string, hosts: readonly string[], http: Partial<HttpTrigger> = {}) =>
  running.addFunction(name, { http: { auth: 'none', methods: [], hosts, ...http } });
const get = (host: string, path: string, headers = {}) =>
  running.send('GET', path, { headers: { ...headers, host } });
const invoked = () =>
  running.worker.invocations.map(({ item: { head, functionName } }) => [functionName, head.url]);

async function deploy(name: string, hosts: readonly string[], version: string): Promise<Answer> {
  running.builtDigest = digestOf(version);
  const config = { name, entry: 'a.ts', triggers: { http: { hosts } } };
  const body = await packageOf({ 'a.ts': 'export {}', 'hearth.json': JSON.stringify(config) });
  const headers = { ...withKey, 'content-type': 'application/x-tar' };
  return await running.send('POST', '/v1/functions', { headers, body });
}

describe('a host of a function', () => {
  it('reaches it, by any path, whatever else that path means', async () => {
    await add('api', ['api.example.com', 'api.fn.example.com']);
    await add('other', []);
    const paths = ['/', '/a//b/%2F?x=1', '/fn/other', '/v1/functions', '/v2/', '/readyz'];
    for (const path of paths) expect((await get('api.example.com', path)).text).toBe('ok');
    expect(invoked()).toEqual(paths.map((path) => ['api', path]));
    for (const host of ['API.Example.com:8443', 'api.example.com.', 'api.fn.example.com']) {
      expect((await get(host, '/')).status).toBe(200);
    }
    expect((await get('api.example.com', 'http://api.example.com/whole?y=2')).status).toBe(200);
    expect(invoked().at(-1)).toEqual(['api', '/whole?y=2']);
  });

  it('lets in whom the trigger lets in', async () => {
    await add('api', ['api.example.com'], { auth: 'key', methods: ['GET'] });
    expect((await get('api.example.com', '/')).status).toBe(401);
    expect((await get('api.example.com', '/', withKey)).status).toBe(200);
  });

  it('is followed by what serves: a function that goes, or that comes', async () => {
    expect((await get('api.example.com', '/')).status).toBe(404);
    await add('api', ['api.example.com']);
    expect((await get('api.example.com', '/')).status).toBe(200);
    await running.functions.remove('api');
    expect((await get('api.example.com', '/')).status).toBe(404);
  });

  it('reaches no management, not even where no function has it', async () => {
    const answer = await get('free.fn.example.com', '/v1/functions', withKey);
    expect([answer.status, answer.headers['x-hearth-error']]).toEqual([404, 'gateway.no_function']);
    const body = await running.send('POST', '/v1/functions', {
      headers: { ...withKey, host: 'free.fn.example.com' },
    });
    expect(body.status).toBe(404);
  });

  it('is no host that the operator does not give: there the gateway is itself', async () => {
    await add('greedy', ['hearth.example.com', 'a.b.fn.example.com', '127.0.0.1']);
    for (const host of ['hearth.example.com', 'a.b.fn.example.com', '127.0.0.1']) {
      expect((await get(host, '/v1/functions', withKey)).text).toContain('"greedy"');
    }
    expect(invoked()).toEqual([]);
  });

  it('takes another protocol to a server on $PORT', async () => {
    const image = { reference: 'shop', channel: 'http' } as const;
    const http = { auth: 'none', methods: [], hosts: ['api.example.com'] } as const;
    await running.addFunction('shop', { runtime: 'image', image, http });
    const { hostname, port } = new URL(running.gateway.address);
    const headers = { host: 'api.example.com', connection: 'upgrade', upgrade: 'raw' };
    const sent = request({ hostname, port, path: '/socket', headers, agent: false });
    sent.end();
    await once(sent, 'response'); // the played function answers like a server that does not know it
    expect(running.worker.invocations[0]?.item.head).toMatchObject({
      upgrade: 'raw',
      url: '/socket',
    });
  });
});

describe('a deploy with hosts', () => {
  it('is refused where the operator does not give them', async () => {
    const answer = await deploy('api', ['www.example.com'], 'a');
    expect(answer.status).toBe(400);
    expect(answer.text).toContain('HEARTH_FUNCTION_HOSTS');
    expect(running.functions.list()).toEqual([]);
  });

  it('is refused where another function has one, until that lets go of it', async () => {
    expect((await deploy('api', ['api.example.com'], 'a')).status).toBe(201);
    const refused = await deploy('rival', ['api.example.com'], 'b');
    expect(refused.status).toBe(409);
    expect(refused.text).toContain('\\"api\\"');
    expect((await deploy('api', ['api.example.com', 'b.fn.example.com'], 'c')).status).toBe(201);
    expect((await deploy('api', [], 'd')).status).toBe(201);
    expect((await deploy('rival', ['api.example.com'], 'b')).status).toBe(201);
    const back = await running.send('POST', '/v1/functions/api/rollback', { headers: withKey });
    expect([back.status, back.headers['x-hearth-error']]).toEqual([409, 'functions.host_taken']);
  });
});
