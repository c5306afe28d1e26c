import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Queue } from 'bullmq';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Attempt } from '../../src/domain/event-queue.ts';
import { QueueSender } from '../../src/queue/queue-sender.ts';
import { signWebhook } from '../../src/security/webhook-signature.ts';
import { WebhookSender } from '../../src/worker/webhook-sender.ts';
import { startRedis, type RunningRedis } from '../support/redis.ts';

const never = new AbortController().signal;
const told = '{"requestPayload":{"n":1}}';

function attemptOf(changes: Partial<Attempt> = {}): Attempt {
  return {
    id: randomUUID(),
    functionName: 'hello',
    source: 'destination',
    head: { trigger: 'event', method: 'POST', url: '/', headers: [], sourceIp: '' },
    body: Buffer.from(told),
    number: 1,
    cancelled: never,
    ...changes,
  };
}

describe('a webhook', () => {
  let server: Server | undefined;
  let received: { request: IncomingMessage; body: Buffer }[];

  async function listen(answer: RequestListener): Promise<string> {
    received = [];
    const listening = createServer((request, response) => {
      void buffer(request).then((body) => {
        received.push({ request, body });
        answer(request, response);
      });
    });
    server = listening.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://localhost:${(server.address() as AddressInfo).port}/done?x=1`;
  }
  afterEach(() => server?.closeAllConnections());

  const sender = (isBlocked: (address: string) => boolean = () => false) =>
    new WebhookSender({
      secrets: {
        bind: ({ secrets }) =>
          secrets.includes('SIGN')
            ? { values: { SIGN: 'shared' }, missing: [], stamp: '' }
            : { values: {}, missing: secrets, stamp: '' },
      },
      sign: signWebhook,
      isBlocked,
    });

  test('is posted what is told, signed', async () => {
    const webhook = await listen((_, response) => response.writeHead(204).end());
    const attempt = attemptOf();
    const result = await sender().send({ webhook, secret: 'SIGN' }, attempt);
    expect(result).toMatchObject({ outcome: { kind: 'ok' }, response: { status: 204 } });
    expect(received).toHaveLength(1);
    const [{ request, body }] = received as [(typeof received)[0]];
    expect(request).toMatchObject({ method: 'POST', url: '/done?x=1' });
    expect(body.toString()).toBe(told);
    const { headers } = request;
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'webhook-id': attempt.id });
    const sentAt = new Date(Number(headers['webhook-timestamp']) * 1000);
    expect(headers['webhook-signature']).toBe(
      signWebhook('shared', attempt.id, body, sentAt)['webhook-signature'],
    );
  });

  test.each([
    ['an error', 503],
    ['a place to go to instead', 302],
  ])('fails when it answers with %s', async (_, status) => {
    const webhook = await listen((__, response) =>
      response.writeHead(status, { location: '/other', 'retry-after': '7' }).end(),
    );
    expect(await sender().send({ webhook }, attemptOf())).toMatchObject({
      outcome: { kind: 'function_error', error: { message: `It answered with status ${status}.` } },
      response: { headers: [['retry-after', '7']] },
    });
    expect(received).toHaveLength(1);
  });

  test('fails where nobody listens', async () => {
    const webhook = await listen(() => {});
    server?.close();
    await once(server!, 'close');
    expect(await sender().send({ webhook }, attemptOf())).toMatchObject({
      outcome: { kind: 'function_error', error: { type: 'WebhookFailed' } },
    });
  });

  test('is not sent to what only the host can reach, by its address or by a name', async () => {
    const webhook = await listen((_, response) => response.end());
    const { port } = new URL(webhook);
    const strict = sender((address) => address === '127.0.0.1' || address === '::1');
    for (const host of ['localhost', '127.0.0.1', '[::1]', '127.1', '2130706433']) {
      const result = await strict.send({ webhook: `http://${host}:${port}/` }, attemptOf());
      expect(result).toMatchObject({ outcome: { reason: 'webhook.blocked' } });
    }
    expect(received).toHaveLength(0);
  });

  test('that cannot be signed is not sent', async () => {
    const webhook = await listen((_, response) => response.end());
    expect(await sender().send({ webhook, secret: 'OTHER' }, attemptOf())).toMatchObject({
      outcome: { reason: 'webhook.no_secret' },
    });
    expect(received).toHaveLength(0);
  });

  test('is given up when the invocation is cancelled', async () => {
    const cancel = new AbortController();
    const webhook = await listen(() => cancel.abort());
    const result = await sender().send({ webhook }, attemptOf({ cancelled: cancel.signal }));
    expect(result.outcome).toEqual({ kind: 'cancelled' });
  });
});

describe('a queue', () => {
  let redis: RunningRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  const own = () => ({ path: redis.socketPath });

  test('gets one job with what is told, however often it is sent', async () => {
    const sender = new QueueSender({ redis: own(), connections: new Map() });
    const attempt = attemptOf();
    const destination = { queue: 'done', prefix: 'bull' };
    expect(await sender.send(destination, attempt)).toMatchObject({ outcome: { kind: 'ok' } });
    await sender.send(destination, attempt);
    const queue = new Queue('done', { connection: own() });
    const jobs = await queue.getJobs(['waiting']);
    expect(jobs).toMatchObject([{ id: attempt.id, data: JSON.parse(told) as object }]);
    await queue.close();
  });

  test('that is away is tried again, and nothing is spent', async () => {
    const sender = new QueueSender({ redis: { path: '/nowhere.sock' }, connections: new Map() });
    const result = await sender.send({ queue: 'done', prefix: 'bull' }, attemptOf());
    expect(result).toMatchObject({ outcome: { code: 'unavailable' } });
  });

  test('of a connection that nobody named is refused', async () => {
    const sender = new QueueSender({ redis: own(), connections: new Map() });
    const destination = { queue: 'done', prefix: 'bull', connection: 'apps' };
    expect(await sender.send(destination, attemptOf())).toMatchObject({
      outcome: { reason: 'queue.unknown_connection' },
    });
  });
});
