import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startHost, type CommandResult, type RunningHost } from '../support/running-host.ts';

const sources = {
  // Asks another function, as the query says.
  shop: `
    export default {
      async fetch(request) {
        const { searchParams } = new URL(request.url);
        const answer = await fetch(searchParams.get('to'), {
          method: 'POST', body: 'three teapots', headers: { 'x-hearth-caller': 'root' },
        }).catch((error) => new Response(error.cause?.code ?? String(error)));
        return new Response(await answer.text(), { status: answer.status });
      },
    };`,
  orders: `
    export default {
      async fetch(request) {
        const { headers } = request;
        const told = ['x-hearth-caller', 'traceparent', 'host'].map((name) => headers.get(name));
        return Response.json([await request.text(), ...told]);
      },
    };`,
  mirror: `
    export default {
      async fetch() {
        const answer = await fetch('http://mirror.fn.internal/');
        return new Response(await answer.text(), { status: answer.status });
      },
    };`,
};

let host: RunningHost;
beforeAll(async () => {
  // Traces are begun, and go nowhere: nothing listens there.
  const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' };
  host = await startHost({ environment });
  await deploy('shop', { calls: ['orders'] });
  await deploy('orders', undefined, {});
  await deploy('mirror', { calls: ['mirror'] });
});
afterAll(() => host?.[Symbol.asyncDispose]());

async function deploy(
  name: keyof typeof sources,
  network?: object,
  http: object = { auth: 'none' },
): Promise<CommandResult> {
  const dir = await mkdtemp(join(tmpdir(), 'hearth-e2e-fn-'));
  // A circle is many cold starts deep: slow machines need their time.
  const config = { name, entry: 'index.js', triggers: { http }, network, timeout: '2m' };
  await writeFile(join(dir, 'hearth.json'), JSON.stringify(config));
  await writeFile(join(dir, 'index.js'), sources[name]);
  const result = await host.hearth('deploy', dir);
  await rm(dir, { recursive: true });
  return result;
}

const shop = (to: string, init?: RequestInit) =>
  host.fetch(`/fn/shop?to=${encodeURIComponent(to)}`, init);

describe('a function', () => {
  test('calls one that needs a key by its name, in the same trace, again and again', async () => {
    const traceId = 'a'.repeat(32);
    for (let i = 0; i < 50; i++) {
      const answer = await shop('http://orders.fn.internal/new', {
        headers: { traceparent: `00-${traceId}-${'b'.repeat(16)}-01` },
      });
      expect(answer.status).toBe(200);
      const [body, caller, traceparent, calledHost] = (await answer.json()) as string[];
      expect(body).toBe('three teapots');
      expect(caller).toBe('shop');
      expect(traceparent).toContain(traceId);
      expect(calledHost).toBe('orders.fn.internal');
    }
  });

  test('knows no function that it does not list, and cannot get round that', async () => {
    expect(await (await shop('http://mirror.fn.internal/')).text()).toBe('ENOTFOUND');
    expect((await shop('http://127.0.0.54/')).status).toBe(403);
  });

  test('that calls itself for ever is stopped', async () => {
    expect((await host.fetch('/fn/mirror')).status).toBe(508);
  });
});
