import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Queue } from 'bullmq';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { deployInline } from '../support/inline-function.ts';
import { startHost, type RunningHost } from '../support/running-host.ts';

const producer = fileURLToPath(new URL('../support/bullmq-producer.mjs', import.meta.url));
let host: RunningHost;

beforeAll(async () => {
  host = await startHost({ environment: { HEARTH_NETWORK_ALLOW: '127.0.0.1/32' } });
  await deployInline(
    host,
    'job',
    `export const handler = async (event, context) => {
      console.log('working on', event.n);
      if (event.who) return context.clientContext.custom;
      if (event.fail) throw new RangeError('on purpose');
      return { square: event.n * event.n, id: context.awsRequestId };
    };`,
  );
});

afterAll(() => host[Symbol.asyncDispose]());

describe('an asynchronous invocation', () => {
  test('is accepted with a place where its result appears', async () => {
    const accepted = await enqueue({ n: 7 });
    expect(accepted.status).toBe(202);
    const id = accepted.headers.get('x-hearth-invocation-id') ?? '';
    expect(accepted.headers.get('location')).toBe(`/v1/invocations/${id}`);
    const record = await whenEnded(id);
    expect(record).toMatchObject({
      state: 'done',
      function: 'job',
      result: { status: 200, body: { square: 49, id } },
      attempts: [{ number: 1, outcome: 'ok' }],
    });
    await vi.waitFor(async () => {
      const logs = await host.fetchWithKey(`/v1/invocations/${id}/logs`);
      expect(await logs.text()).toContain('working on 7');
    });
  });

  test('is tried three times when the function throws', async () => {
    const accepted = await enqueue({ fail: true });
    const id = accepted.headers.get('x-hearth-invocation-id') ?? '';
    expect(await whenEnded(id)).toMatchObject({
      state: 'dead_letter',
      attemptsSpent: 3,
      failure: { reason: 'function.error', error: { type: 'RangeError', message: 'on purpose' } },
    });
  });

  test('is known only to who has a key, and only where there is one', async () => {
    expect((await host.fetch('/v1/invocations/any')).status).toBe(401);
    expect((await host.fetchWithKey('/v1/invocations/any')).status).toBe(404);
  });
});

describe('an AWS SDK', () => {
  test('invokes with a key of the host, and says who it is', async () => {
    const [accessKeyId = '', secretAccessKey = ''] = host.key.split(':');
    const credentials = { accessKeyId, secretAccessKey };
    const client = new LambdaClient({ endpoint: host.url, region: 'any', credentials });
    const said = JSON.stringify({ custom: { name: 'Zoë' } });
    const answer = await client.send(
      new InvokeCommand({
        FunctionName: 'job',
        Payload: Buffer.from('{"who":true}'),
        LogType: 'Tail',
        ClientContext: Buffer.from(said).toString('base64'),
      }),
    );
    expect(answer.Payload?.transformToString()).toBe('{"name":"Zoë"}');
    expect(Buffer.from(answer.LogResult ?? '', 'base64').toString()).toContain('END RequestId');
    client.destroy();
  });
});

describe('a webhook', () => {
  test('is told, signed with a secret, of how an invocation ended', async () => {
    const received = Promise.withResolvers<readonly [IncomingMessage, unknown]>();
    const listener = createServer((request, response) => {
      response.end();
      void json(request).then((body) => received.resolve([request, body]));
    });
    await once(listener.listen(0, '127.0.0.1'), 'listening');
    const { port } = listener.address() as AddressInfo;
    const secret = await host.hearthWithInput('shared', 'secret', 'set', 'SIGN');
    expect(secret.exitCode).toBe(0);
    await deployInline(host, 'teller', 'export const handler = ({ n }) => n + 1;', {
      async: { onSuccess: { webhook: `http://127.0.0.1:${port}/done`, secret: 'SIGN' } },
    });
    await host.hearth('invoke', 'teller', '--async', '-d', '{"n": 5}');
    const [{ headers }, body] = await received.promise;
    expect(body).toMatchObject({
      requestContext: { functionName: 'teller', condition: 'Success' },
      requestPayload: { n: 5 },
      responsePayload: 6,
    });
    expect(headers['webhook-signature']).toMatch(/^v1,/);
    listener.close();
  });
});

describe('the command', () => {
  test('invokes without waiting, waits, shows and replays', async () => {
    const later = ['--delay', '10ms', '--priority', '5', '--max-age', '1h'];
    const invoked = await host.hearth('invoke', 'job', '--async', ...later, '-d', '{"n": 5}');
    expect(invoked.exitCode).toBe(0);
    const id = invoked.stdout.trim();
    const waited = await host.hearth('invocation', 'wait', id);
    expect(JSON.parse(waited.stdout)).toEqual({ square: 25, id });
    const record = await host.fetchWithKey(`/v1/invocations/${id}`);
    expect(await record.json()).toMatchObject({ state: 'done', priority: 5 });
    expect((await host.hearth('invocation', 'get', id)).stdout).toMatch(/job {2}done[^]*attempt 1/);
    const replayed = (await host.hearth('invocation', 'replay', id)).stdout.trim();
    expect(replayed).not.toBe(id);
    const again = await host.hearth('invocation', 'wait', replayed, '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({ source: 'replay', replayOf: id });
  });

  test('shows queues, pauses and resumes them, takes dead letters up again and forgets them', async () => {
    await deployInline(host, 'sieve', 'export const handler = (event) => event.missing.value;', {
      async: { attempts: 1 },
    });
    const enqueued = await host.hearth('invoke', 'sieve', '--async');
    const id = enqueued.stdout.trim();
    const waited = await host.hearth('invocation', 'wait', id);
    expect(waited).toMatchObject({ exitCode: 1 });
    expect(waited.stderr).toContain('dead letter');
    expect((await host.hearth('queue', 'dead', 'sieve')).stdout).toContain(id);
    expect((await host.hearth('queue', 'redrive', 'sieve')).stderr).toContain('1 dead letters');
    await host.hearth('invocation', 'wait', id);
    const queues = async () => (await host.hearth('queue', 'ls')).stdout;
    await vi.waitFor(async () => expect(await queues()).toMatch(/sieve +active +0 +0 +1/));
    expect((await host.hearth('queue', 'pause', 'sieve')).stderr).toContain('paused');
    const waiting = (await host.hearth('invoke', 'sieve', '--async')).stdout.trim();
    await vi.waitFor(async () => expect(await queues()).toMatch(/sieve +paused +1 +0 +1/));
    expect((await host.hearth('queue', 'purge', 'sieve')).stderr).toContain('1 cancelled');
    expect((await host.hearth('queue', 'resume', 'sieve')).stderr).toContain('active');
    expect((await host.hearth('invocation', 'get', waiting)).stdout).toContain('cancelled');
    await host.hearth('queue', 'purge', 'sieve', '--dead-letters');
    expect((await host.hearth('invocation', 'get', id)).exitCode).toBe(1);
  });
});

describe('a request with an Idempotency-Key', () => {
  test('runs once, and the same key with another body is refused', async () => {
    const send = (n: number) =>
      host.fetchWithKey('/v1/functions/job/invocations', {
        method: 'POST',
        headers: { 'idempotency-key': 'order-7' },
        body: JSON.stringify({ n }),
      });
    const first = await (await send(3)).text();
    const again = await send(3);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(await again.text()).toBe(first);
    expect((await send(4)).status).toBe(422);
  });
});

describe('a queue that an application fills with stock BullMQ', () => {
  test('invokes the function, whose answers are the results of the jobs', async () => {
    await deployInline(
      host,
      'resize',
      `export default { async queue(batch) {
        for (const { body, retry, progress } of batch.messages) {
          progress({ percent: 100 });
          if (body.broken) retry();
        }
        return { queue: batch.queue };
      } };`,
      { triggers: { queue: [{ name: 'uploads', maxConcurrency: 2 }] } },
    );
    const socket = join(host.dataDir, 'redis', 'durable.sock');
    const jobs = JSON.stringify([{ data: { file: 'a' } }, { data: { broken: true } }]);
    const args = [producer, socket, 'uploads', jobs];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 120_000 });
    expect(JSON.parse(stdout)).toMatchObject([
      { value: { queue: 'uploads' } },
      { error: 'The function reported it as failed.' },
    ]);
    const queue = new Queue('uploads', { connection: { path: socket } });
    const [done] = await queue.getCompleted();
    expect(done?.progress).toEqual({ percent: 100 });
    await queue.close();
  });
});

function enqueue(event: object): Promise<Response> {
  return host.fetchWithKey('/v1/functions/job/invocations', {
    method: 'POST',
    headers: { prefer: 'respond-async' },
    body: JSON.stringify(event),
  });
}

async function whenEnded(id: string): Promise<unknown> {
  return await (await host.fetchWithKey(`/v1/invocations/${id}?wait=30s`)).json();
}
