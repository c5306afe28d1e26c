import { afterEach, beforeEach, expect, it } from 'vitest';
import { RunningGateway, withKey } from '../support/running-gateway.ts';

let running: RunningGateway;
beforeEach(async () => {
  running = await RunningGateway.start();
});
afterEach(() => running[Symbol.asyncDispose]());

const send = (method: string, path: string, body?: object, headers: object = withKey) =>
  running.send(method, `/v1/networks${path}`, {
    headers: { ...headers, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
const attach = (endpoint: string, target: string) =>
  send('PUT', `/db/endpoints/${endpoint}`, { target });

it('makes, shows, lists and removes networks', async () => {
  expect((await send('POST', '', { name: 'db' })).status).toBe(201);
  expect((await send('POST', '', { name: 'db' })).status).toBe(409);
  expect(JSON.parse((await send('GET', '')).text)).toMatchObject({ networks: [{ name: 'db' }] });
  expect(JSON.parse((await send('GET', '/db')).text)).toMatchObject({
    endpoints: [],
    functions: [],
  });
  expect((await send('DELETE', '/db')).status).toBe(204);
  expect((await send('GET', '/db')).status).toBe(404);
  expect((await send('DELETE', '/db')).status).toBe(404);
});

it.each(['fn', 'a.b', '-a', ''])('makes none of the name "%s"', async (name) => {
  const answer = await send('POST', '', { name });
  expect(answer.status).toBe(400);
  expect(answer.text).toContain('network.invalid_name');
});

it.each([
  ['10.0.0.5:5432', { host: '10.0.0.5', port: 5432, protocol: 'tcp' }],
  ['[fd00::5]:53/udp', { host: 'fd00::5', port: 53, protocol: 'udp' }],
  ['Db.Corp.example:5432', { host: 'db.corp.example', port: 5432, protocol: 'tcp' }],
])('attaches %s, and takes it away again', async (target, expected) => {
  await send('POST', '', { name: 'db' });
  const attached = await attach('main', target);
  expect(attached.status).toBe(200);
  expect(JSON.parse(attached.text)).toMatchObject({
    endpoints: [{ name: 'main', reachedAs: 'main.db.internal', ...expected }],
  });
  expect((await attach('main', '10.0.0.6:1')).text).not.toContain(expected.host); // the same name
  expect((await send('DELETE', '/db/endpoints/main')).status).toBe(204);
  expect((await send('DELETE', '/db/endpoints/main')).status).toBe(404);
});

it.each(['10.0.0.0/8:5432', '*:5432', '*.corp.example:5432', '10.0.0.5:1-9', '10.0.0.5', ''])(
  'does not attach "%s", which is not one place',
  async (target) => {
    await send('POST', '', { name: 'db' });
    const answer = await attach('main', target);
    expect(answer.status).toBe(400);
    expect(answer.text).toContain('network.invalid_target');
  },
);

it('does not remove one that functions are on, unless forced', async () => {
  await send('POST', '', { name: 'db' });
  await running.addFunction('orders', { network: { egress: [], networks: ['db'] } });
  const refused = await send('DELETE', '/db');
  expect(refused.status).toBe(409);
  expect(refused.text).toContain('orders');
  expect((await send('DELETE', '/db?force=true')).status).toBe(204);
});

it('is changed by those alone who have all rights for it', async () => {
  const scopes = [
    { action: 'deploy', pattern: '*' },
    { action: 'read', pattern: 'd*' },
    { action: 'admin', pattern: 'shop-*' },
  ] as const;
  const { secret } = await running.keys.create('ci', scopes, undefined);
  const headers = { authorization: `Bearer ci:${secret}` };
  expect((await send('POST', '', { name: 'db' }, headers)).status).toBe(403);
  expect((await send('POST', '', { name: 'shop-db' }, headers)).status).toBe(201);
  await send('POST', '', { name: 'db' });
  const target = { target: '10.0.0.5:5432' };
  expect((await send('PUT', '/db/endpoints/a', target, headers)).status).toBe(403);
  expect((await send('DELETE', '/db', undefined, headers)).status).toBe(403);
  expect((await send('GET', '/db', undefined, headers)).status).toBe(200);
  expect((await send('GET', '', undefined, {})).status).toBe(401);
});
