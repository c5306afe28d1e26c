import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startHost, type RunningHost } from '../support/running-host.ts';

let host: RunningHost;

beforeAll(async () => {
  host = await startHost();
  await deploy(
    'job',
    `export const handler = async (event, context) => {
      console.log('working on', event.n);
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
    const logs = await host.fetchWithKey(`/v1/invocations/${id}/logs`);
    expect(await logs.text()).toContain('working on 7');
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

/** Deploys a function of one JavaScript file. */
async function deploy(name: string, source: string, settings = {}): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'hearth-inline-'));
  await writeFile(
    join(dir, 'hearth.json'),
    JSON.stringify({ name, entry: 'index.js', ...settings }),
  );
  await writeFile(join(dir, 'index.js'), source);
  const { exitCode, stderr } = await host.hearth('deploy', dir);
  await rm(dir, { recursive: true });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
}
