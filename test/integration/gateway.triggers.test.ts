import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HttpTrigger } from '../../src/domain/http-trigger.ts';
import { RunningGateway } from '../support/running-gateway.ts';

let running: RunningGateway;
beforeEach(async () => {
  running = await RunningGateway.start();
});
afterEach(() => running[Symbol.asyncDispose]());

const add = (http: Partial<HttpTrigger>) =>
  running.addFunction('hook', { http: { auth: 'none', methods: [], ...http } });
const call = (method: string, headers: Record<string, string>, body?: string) =>
  running.send(method, '/fn/hook', { headers, ...(body === undefined ? {} : { body }) });

describe('a trigger for signed webhooks', () => {
  it('runs the function for what is signed, and for nothing else', async () => {
    await running.secrets.set('WEBHOOK', 'shared', ['*']);
    await add({ auth: 'hmac', hmac: { format: 'github', secret: 'WEBHOOK' } });
    const signature = createHmac('sha256', 'shared').update('{"a":1}').digest('hex');
    const headers = { 'x-hub-signature-256': `sha256=${signature}` };
    expect((await call('POST', headers, '{"a":1}')).status).toBe(200);
    expect((await call('POST', headers, '{"a":2}')).status).toBe(401);
    expect((await call('POST', {}, '{"a":1}')).status).toBe(401);
    expect(running.worker.invocations).toHaveLength(1);
  });
});

describe('a trigger for tokens', () => {
  it('refuses who has none, and says later when the issuer is away', async () => {
    const jwt = { issuer: 'https://id.test', audience: 'shop', jwks: 'https://id.test/jwks' };
    await add({ auth: 'jwt', jwt });
    expect((await call('GET', {})).status).toBe(401);
    const header = Buffer.from('{"alg":"ES256","kid":"one"}').toString('base64url');
    const later = await call('GET', { authorization: `Bearer ${header}.e30.AAAA` });
    expect([later.status, later.headers['retry-after']]).toEqual([503, '5']);
    expect(running.worker.invocations).toEqual([]);
  });
});

describe('a trigger that pages of other origins may call', () => {
  const origin = 'https://shop.test';
  const cors = {
    origins: [origin],
    headers: ['x-mine'],
    exposed: ['x-total'],
    credentials: true,
    maxAgeMs: 60_000,
  };

  it('answers the question of a browser without the function and without a key', async () => {
    await add({ auth: 'key', methods: ['GET', 'PUT'], cors });
    const asked = { origin, 'access-control-request-method': 'PUT' };
    const answer = await call('OPTIONS', asked);
    expect(answer.status).toBe(204);
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'GET, PUT',
      'access-control-allow-headers': 'x-mine',
      'access-control-max-age': '60',
      vary: 'origin',
    });
    expect(running.worker.invocations).toEqual([]);
  });

  it('lets the page read answers, those that are errors too', async () => {
    await add({ cors, methods: ['GET'] });
    const good = await call('GET', { origin });
    expect(good.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-expose-headers': 'x-total',
    });
    const refused = await call('PUT', { origin });
    expect([refused.status, refused.headers['access-control-allow-origin']]).toEqual([405, origin]);
  });

  it('tells a page of another origin nothing', async () => {
    await add({ cors });
    const evil = { origin: 'https://evil.test' };
    for (const headers of [evil, { ...evil, 'access-control-request-method': 'PUT' }]) {
      const answer = await call('OPTIONS', headers);
      expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
      expect(answer.headers['vary']).toBe('origin');
    }
  });

  it('says nothing where it is not set', async () => {
    await add({});
    const answer = await call('GET', { origin });
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    expect(answer.headers).not.toHaveProperty('vary');
  });
});
