import { afterEach, beforeEach, expect, it } from 'vitest';
import { RunningGateway, withKey } from '../support/running-gateway.ts';

let running: RunningGateway;
beforeEach(async () => {
  running = await RunningGateway.start();
});
afterEach(() => running[Symbol.asyncDispose]());

const send = (method: string, path: string, body?: object) =>
  running.send(method, `/v1/webhooks${path}`, {
    headers: { ...withKey, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
const ops = { name: 'ops', url: 'https://ops.example.com/', types: ['function.*'] };

it('makes, lists and removes webhooks', async () => {
  const match = { functionName: ['shop-*'] };
  const made = await send('POST', '', { ...ops, match, secret: 'SIGN' });
  expect(made.status).toBe(201);
  expect(JSON.parse(made.text)).toMatchObject({ ...ops, match, queue: 'webhook.ops' });
  expect((await send('POST', '', ops)).status).toBe(409);
  expect(JSON.parse((await send('GET', '')).text)).toMatchObject({ webhooks: [{ name: 'ops' }] });
  expect((await send('DELETE', '/ops')).status).toBe(204);
  expect((await send('DELETE', '/ops')).status).toBe(404);
});

it.each([
  ['a name that is none', { name: 'a.b' }, 'is not a name'],
  ['a URL of another kind', { url: 'ftp://ops.example.com/' }, 'not an http or https URL'],
  ['a URL with a password', { url: 'https://a:b@ops.example.com/' }, 'sign with a secret'],
  ['a type that is none', { types: ['function.forgotten'] }, 'there are sandbox.created'],
])('refuses %s, and says what is right', async (_what, wrong, message) => {
  const answer = await send('POST', '', { ...ops, ...wrong });
  expect(answer.status).toBe(400);
  expect(answer.text).toContain(message);
});

it('describes each type of event by its schema', async () => {
  const { text } = await running.send('GET', '/v1/event-types', { headers: withKey });
  expect(JSON.parse(text)).toMatchObject({
    types: expect.arrayContaining([
      expect.objectContaining({
        type: 'dev.hearth.function.removed',
        data: expect.objectContaining({ required: ['functionName'] }) as object,
      }),
    ]) as object,
  });
});
