import { fastify } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import type { Action } from '../../src/domain/principal.ts';
import { forHost, forNamed, forSome, guardRoutes } from '../../src/gateway/route-access.ts';
import { awsSignature } from '../support/aws-signature.ts';
import { packageOf } from '../support/package-of.ts';
import { RunningGateway, withKey, type Answer } from '../support/running-gateway.ts';

let running: RunningGateway;
beforeEach(async () => {
  running = await RunningGateway.start();
});
afterEach(() => running[Symbol.asyncDispose]());

const json = ({ text }: Answer): unknown => JSON.parse(text);
const jsonHeaders = { ...withKey, 'content-type': 'application/json' };
const post = (path: string, body: object) =>
  running.send('POST', path, { headers: jsonHeaders, body: JSON.stringify(body) });

/** The header of a key with these rights, written as the command writes them: `read:shop-*`. */
async function keyWith(...rights: readonly (readonly [Action, string])[]) {
  const scopes = rights.map(([action, pattern]) => ({ action, pattern }));
  const { record, secret } = await running.keys.create(`k${rights.length}`, scopes, undefined);
  return { authorization: `Bearer ${record.name}:${secret}` };
}

describe('the routes of keys', () => {
  it('make a key, show its secret once, and list it without', async () => {
    const made = await post('/v1/keys', {
      id: 'ci',
      scopes: [{ action: 'deploy', pattern: 'shop-*' }, { action: 'read' }],
      expiresAt: '2999-01-01T00:00:00Z',
    });
    expect(made.status).toBe(201);
    const { secret } = json(made) as { secret: string };
    expect(secret).toMatch(/^[\w-]{43}$/);
    const list = await running.send('GET', '/v1/keys', { headers: withKey });
    expect(list.text).not.toContain(secret);
    expect(json(list)).toMatchObject({
      keys: [
        {
          id: 'ci',
          scopes: [
            { action: 'deploy', pattern: 'shop-*' },
            { action: 'read', pattern: '*' },
          ],
        },
      ],
    });
    const headers = { authorization: `Bearer ci:${secret}` };
    expect((await running.send('GET', '/v1/functions', { headers })).status).toBe(200);
  });

  it('give a key limits, and others later, without another secret', async () => {
    const made = await post('/v1/keys', {
      id: 'ci',
      scopes: [{ action: 'read' }],
      rate: '100/s',
      concurrency: 20,
    });
    expect(json(made)).toMatchObject({ rate: '100/s', concurrency: 20 });
    const { secret } = json(made) as { secret: string };
    const body = JSON.stringify({ rate: '5/m' });
    const changed = await running.send('PUT', '/v1/keys/ci/limits', { headers: jsonHeaders, body });
    expect(changed.status).toBe(200);
    expect(json(changed)).not.toHaveProperty('concurrency');
    const list = await running.send('GET', '/v1/keys', { headers: withKey });
    expect(json(list)).toMatchObject({ keys: [{ id: 'ci', rate: '5/m' }] });
    const headers = { authorization: `Bearer ci:${secret}` };
    expect((await running.send('GET', '/v1/functions', { headers })).status).toBe(200);
    const other = { headers: jsonHeaders, body: '{}' };
    expect((await running.send('PUT', '/v1/keys/nobody/limits', other)).status).toBe(404);
  });

  it('give a new secret', async () => {
    const headers = await keyWith(['read', '*']);
    const rotated = await post('/v1/keys/k1/rotations', {});
    expect(rotated.status).toBe(200);
    const { secret } = json(rotated) as { secret: string };
    const isLetIn = async (authorization: string) =>
      (await running.send('GET', '/v1/functions', { headers: { authorization } })).status;
    expect(await isLetIn(`Bearer k1:${secret}`)).toBe(200);
    expect(await isLetIn(headers.authorization)).toBe(401);
  });

  it('remove a key, which opens nothing from then on', async () => {
    const headers = await keyWith(['read', '*']);
    expect((await running.send('DELETE', '/v1/keys/k1', { headers: withKey })).status).toBe(204);
    expect((await running.send('GET', '/v1/functions', { headers })).status).toBe(401);
    expect((await running.send('DELETE', '/v1/keys/k1', { headers: withKey })).status).toBe(404);
  });

  it.each([
    ['no rights', { id: 'x', scopes: [] }],
    ['an unknown right', { id: 'x', scopes: [{ action: 'fly', pattern: '*' }] }],
    ['a pattern that fits no name', { id: 'x', scopes: [{ action: 'read', pattern: 'A b' }] }],
    ['an odd id', { id: 'A b', scopes: [{ action: 'read', pattern: '*' }] }],
    ['an end in the past', { id: 'x', scopes: [{ action: 'read' }], expiresAt: '2020-01-01' }],
    ['a rate of nothing', { id: 'x', scopes: [{ action: 'read' }], rate: '0/s' }],
    ['a rate without its unit', { id: 'x', scopes: [{ action: 'read' }], rate: '100' }],
    ['no request at once', { id: 'x', scopes: [{ action: 'read' }], concurrency: 0 }],
    ['an unknown key', { id: 'x', scopes: [{ action: 'read' }], secret: 'mine' }],
  ])('refuse %s', async (_what, body) => {
    expect((await post('/v1/keys', body)).status).toBe(400);
    expect(running.keys.list()).toEqual([]);
  });

  it('are closed to all but administrators of the whole host', async () => {
    const headers = await keyWith(['admin', 'shop-*'], ['deploy', '*'], ['read', '*']);
    const answer = await running.send('GET', '/v1/keys', { headers });
    expect(answer.status).toBe(403);
    expect(json(answer)).toMatchObject({ code: 'forbidden', reason: 'gateway.forbidden' });
  });
});

describe('a deploy of an image by its name', () => {
  it('needs the right to pull it, whether it lies here or in another registry', async () => {
    const key = await keyWith(
      ['deploy', 'shop'],
      ['registry:pull', 'shop/*'],
      ['registry:pull', 'registry.example.com/shop/*'],
    );
    const deploy = async (image: string) => {
      const config = JSON.stringify({ name: 'shop', runtime: 'image', image });
      const body = await packageOf({ 'hearth.json': config });
      const headers = { ...key, 'content-type': 'application/x-tar' };
      return await running.send('POST', '/v1/functions', { headers, body });
    };
    for (const image of ['payroll/app:1', 'registry.example.com/payroll/app:1']) {
      const refused = await deploy(image);
      expect(refused.status).toBe(403);
      expect(refused.text).toContain('does not have the right registry:pull for');
    }
    expect((await deploy('shop/app:1')).status).toBe(201);
    expect((await deploy('registry.example.com/shop/app:1')).status).toBe(200); // the fake's one image
  });
});

describe('the routes of secrets', () => {
  const put = (name: string, body: object) =>
    running.send('PUT', `/v1/secrets/${name}`, {
      headers: jsonHeaders,
      body: JSON.stringify(body),
    });

  it('take values in and never give them out', async () => {
    const value = 'correct-horse-battery';
    const set = await put('API_TOKEN', { value, functions: ['shop-*'] });
    expect(set.status).toBe(200);
    const list = await running.send('GET', '/v1/secrets', { headers: withKey });
    expect(json(list)).toEqual({
      secrets: [
        { name: 'API_TOKEN', functions: ['shop-*'], changedAt: expect.any(String) as string },
      ],
    });
    expect(set.text + list.text + JSON.stringify([running.facts, running.logged])).not.toContain(
      value,
    );
  });

  it('keep a secret that a function uses', async () => {
    await put('API_TOKEN', { value: 'x' });
    await running.addFunction('shop', { secrets: ['API_TOKEN'] });
    const remove = () => running.send('DELETE', '/v1/secrets/API_TOKEN', { headers: withKey });
    const refused = await remove();
    expect(refused.status).toBe(409);
    expect(json(refused)).toMatchObject({ reason: 'secrets.in_use' });
    await running.functions.remove('shop');
    expect((await remove()).status).toBe(204);
    expect((await remove()).status).toBe(404);
  });

  it.each([
    ['a name that no variable can have', 'API-TOKEN', { value: 'x' }],
    ['an empty value', 'API_TOKEN', { value: '' }],
    ['a value that no variable can have', 'API_TOKEN', { value: 'a\0b' }],
    ['a value that is too long', 'API_TOKEN', { value: 'x'.repeat(32 * 1024 + 1) }],
  ])('refuse %s', async (_what, name, body) => {
    expect((await put(name, body)).status).toBe(400);
    expect(running.secrets.list()).toEqual([]);
  });

  it('are closed to all but administrators', async () => {
    const headers = await keyWith(['admin', 'shop-*'], ['deploy', '*'], ['read', '*']);
    expect((await running.send('GET', '/v1/secrets', { headers })).status).toBe(403);
  });
});

describe('a key with some rights', () => {
  beforeEach(async () => {
    for (const name of ['shop-cart', 'shop-pay', 'secret']) {
      await running.addFunction(name, { http: { auth: 'key', methods: [] } });
    }
  });

  it('sees what it may read, and is told no more', async () => {
    const headers = await keyWith(['read', 'shop-*']);
    const list = json(await running.send('GET', '/v1/functions', { headers }));
    expect(list).toMatchObject({ functions: [{ name: 'shop-cart' }, { name: 'shop-pay' }] });
    const there = await running.send('GET', '/v1/functions/secret', { headers });
    const nowhere = await running.send('GET', '/v1/functions/nothing', { headers });
    expect([there.status, nowhere.status]).toEqual([403, 403]);
    const logs = await running.send('GET', '/v1/functions/secret/logs', { headers });
    expect(logs.status).toBe(403);
  });

  it('invokes what it may invoke, by event and by HTTP', async () => {
    const headers = await keyWith(['invoke', 'shop-*']);
    const invoke = async (name: string) =>
      (await running.send('POST', `/v1/functions/${name}/invocations`, { headers })).status;
    const call = async (name: string) =>
      (await running.send('GET', `/fn/${name}`, { headers })).status;
    expect([await invoke('shop-cart'), await call('shop-pay')]).toEqual([200, 200]);
    expect([await invoke('secret'), await call('secret'), await invoke('none')]).toEqual([
      403, 403, 403,
    ]);
    expect((await running.send('GET', '/v1/functions', { headers })).status).toBe(403);
  });

  it('removes only what it may deploy', async () => {
    const headers = await keyWith(['deploy', 'shop-cart']);
    const remove = async (name: string) =>
      (await running.send('DELETE', `/v1/functions/${name}`, { headers })).status;
    expect([await remove('shop-cart'), await remove('shop-pay')]).toEqual([204, 403]);
  });
});

describe('a request with a signature of AWS', () => {
  const send = async (method: string, path: string, signedBody: string, body = signedBody) => {
    const scopes = [
      { action: 'invoke', pattern: 'shop-*' },
      { action: 'admin', pattern: '*' },
    ] as const;
    const { secret } = await running.keys.create('aws', scopes, undefined);
    const { host } = new URL(running.gateway.address);
    const headers = await awsSignature({
      credentials: { accessKeyId: 'aws', secretAccessKey: secret },
      request: {
        method,
        path,
        headers: { host, 'content-type': 'application/json' },
        body: signedBody,
      },
    });
    return await running.send(method, path, { headers, body });
  };
  beforeEach(() => running.addFunction('shop-cart'));

  it('invokes and manages', async () => {
    const invoked = await send('POST', '/v1/functions/shop-cart/invocations', '{"a":1}');
    expect([invoked.status, invoked.text]).toEqual([200, 'ok']);
    await running.keys.remove('aws');
    const key = JSON.stringify({ id: 'ci', scopes: [{ action: 'read' }] });
    expect((await send('POST', '/v1/keys', key)).status).toBe(201);
    await running.keys.remove('aws');
    expect((await send('GET', '/v1/functions', '')).status).toBe(200);
  });

  it.each([
    ['POST', '/v1/functions/shop-cart/invocations'],
    ['POST', '/v1/keys'],
  ])('is refused at %s %s when its body was changed', async (method, path) => {
    const answer = await send(method, path, '{"id":"a1","scopes":[]}', '{"id":"a2","scopes":[]}');
    expect(answer.status).toBe(403);
    expect(json(answer)).toMatchObject({ reason: 'security.wrong_signature' });
    expect(running.worker.invocations).toEqual([]);
  });
});

describe('the audit', () => {
  it('hears of who used what, and who was refused', async () => {
    const headers = await keyWith(['read', 'shop-*']);
    await running.send('GET', '/v1/functions?x=1', { headers });
    await running.send('GET', '/v1/keys', { headers });
    await running.send('GET', '/v1/functions');
    await running.send('GET', '/healthz');
    expect(running.facts.map(({ data }) => data)).toEqual([
      expect.objectContaining({ keyId: 'k1', method: 'GET', path: '/v1/functions', status: 200 }),
      expect.objectContaining({ keyId: 'k1', path: '/v1/keys', status: 403 }),
      expect.objectContaining({ keyId: '', path: '/v1/functions', status: 401 }),
    ]);
  });
});

test('a route that does not say who may use it cannot be added', () => {
  const app = fastify();
  guardRoutes(app, {
    authorizer: { authenticate: () => undefined, claim: () => undefined },
    quotas: running.quotas,
    facts: { publish: () => {} },
  });
  expect(() => app.get('/open', () => 'x')).toThrow('does not say who may use it');
  for (const config of [forHost('admin'), forNamed('read'), forSome('read')]) {
    expect(() => app.get(`/${Math.random()}/:name`, { config }, () => 'x')).not.toThrow();
  }
});

describe('a deploy of a function that events invoke', () => {
  it('needs the right to read what it is told of', async () => {
    const headers = {
      ...(await keyWith(['deploy', '*'], ['read', 'shop-*'])),
      'content-type': 'application/x-tar',
    };
    const statusOf = async (types: readonly string[], match: object) => {
      const triggers = { events: [{ types, match }] };
      const config = { name: 'watch', entry: 'index.js', triggers };
      const body = await packageOf({ 'hearth.json': JSON.stringify(config), 'index.js': '' });
      return (await running.send('POST', '/v1/functions', { headers, body })).status;
    };
    const shop = { functionName: ['shop-*'] };
    expect(await statusOf(['invocation.*'], {})).toBe(403);
    expect(await statusOf(['invocation.*'], { functionName: ['shop-*', 'other'] })).toBe(403);
    expect(await statusOf(['invocation.*', 'audit.request'], shop)).toBe(403);
    expect(await statusOf(['invocation.*'], shop)).not.toBe(403);
  });
});
