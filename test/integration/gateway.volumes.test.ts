import { afterEach, beforeEach, expect, it } from 'vitest';
import { RunningGateway, withKey } from '../support/running-gateway.ts';

let running: RunningGateway;
beforeEach(async () => {
  running = await RunningGateway.start();
});
afterEach(() => running[Symbol.asyncDispose]());

const send = (method: string, path: string, body?: object) =>
  running.send(method, `/v1/volumes${path}`, {
    headers: { ...withKey, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
const create = (name: string) => send('POST', '', { name, size: '1Gi' });

it('makes, shows, lists and removes volumes', async () => {
  const made = await create('data');
  expect(made.status).toBe(201);
  expect(JSON.parse(made.text)).toMatchObject({
    name: 'data',
    driver: 'local',
    sizeBytes: 2 ** 30,
  });
  expect((await create('data')).status).toBe(409);
  expect(JSON.parse((await send('GET', '')).text)).toMatchObject({ volumes: [{ name: 'data' }] });
  expect(JSON.parse((await send('GET', '/data')).text)).toMatchObject({
    holders: [],
    snapshots: [],
  });
  expect((await send('DELETE', '/data')).status).toBe(204);
  expect((await send('GET', '/data')).status).toBe(404);
});

it('does not remove one that a function mounts, unless forced', async () => {
  await create('data');
  const mount = { name: 'data', mount: '/data', readOnly: false, access: 'shared' as const };
  await running.addFunction('writer', { volumes: [mount] });
  const refused = await send('DELETE', '/data');
  expect(refused.status).toBe(409);
  expect(refused.text).toContain('writer');
  expect((await send('DELETE', '/data?force=true')).status).toBe(204);
  expect(running.volumes.calls).toEqual(['remove data by force']);
});

it('passes archives on as they come', async () => {
  await create('data');
  const body = Buffer.alloc(300_000, 'tar');
  const headers = { ...withKey, 'content-type': 'application/x-tar' };
  const path = '/v1/volumes/data/archive';
  expect((await running.send('PUT', path, { headers, body })).status).toBe(204);
  const exported = await send('GET', '/data/archive');
  expect(exported.headers['content-type']).toBe('application/x-tar');
  expect(exported.text).toBe(body.toString());
  expect((await running.send('PUT', path, { headers: withKey })).status).toBe(400);
});

it('takes snapshots and goes back to them', async () => {
  await create('data');
  expect((await send('POST', '/data/snapshots', { name: 'first' })).status).toBe(201);
  expect((await send('POST', '/data/restore', { snapshot: 'first' })).status).toBe(204);
  expect((await send('DELETE', '/data/snapshots/first')).status).toBe(204);
});

it('tells how far a copy is to who asks for that, and what went wrong', async () => {
  await create('data');
  const linesOf = async (path: string, body: object) => {
    const accept = 'application/x-ndjson';
    const headers = { ...withKey, 'content-type': 'application/json', accept };
    const options = { headers, body: JSON.stringify(body) };
    const { text } = await running.send('POST', `/v1/volumes${path}`, options);
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
  };
  expect(await linesOf('/data/snapshots', { name: 'first' })).toEqual([
    { progress: { doneBytes: 1, totalBytes: 2 } },
    { done: { volume: 'data', snapshot: 'first' } },
  ]);
  expect(await linesOf('/none/restore', { snapshot: 'first' })).toMatchObject([
    { error: { code: 'not_found', reason: 'volume.not_found' } },
  ]);
});

it.each([
  [{ name: 'data', size: 'much' }, 'not a size'],
  [{ name: 'data', size: '1Gi', driver: 'floppy' }, 'driver'],
  [{ name: 'data', colour: 'red' }, 'additional properties'],
  [{}, 'name'],
])('says what is wrong with %j', async (body, words) => {
  const answer = await send('POST', '', body);
  expect(answer.status).toBe(400);
  expect(answer.text).toContain(words);
});

it('needs a key with the right for the volume', async () => {
  expect((await running.send('GET', '/v1/volumes')).status).toBe(401);
  expect((await running.send('GET', '/v1/volumes/data/archive')).status).toBe(401);
});
