import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Queue } from 'bullmq';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { signWebhook } from '../../src/security/webhook-signature.ts';
import { deployInline } from '../support/inline-function.ts';
import { startHost, type RunningHost } from '../support/running-host.ts';
import {
  startSpanCollector,
  type CollectedSpan,
  type SpanCollector,
} from '../support/span-collector.ts';

const openMetricsReader = fileURLToPath(
  new URL('../support/programs/read-openmetrics.py', import.meta.url),
);
const soon = { timeout: 20_000, interval: 20 };

let collector: SpanCollector;
let host: RunningHost;

const folder = fileURLToPath(new URL('functions/traced', import.meta.url));

beforeAll(async () => {
  collector = await startSpanCollector();
  host = await startHost({
    environment: { ...collector.environment, HEARTH_NETWORK_ALLOW: '127.0.0.1/32' },
  });
  expect((await host.hearth('deploy', folder)).exitCode).toBe(0);
});
afterAll(async () => {
  await host?.[Symbol.asyncDispose]();
  await collector?.[Symbol.asyncDispose]();
});

interface OwnSpan {
  readonly trigger: string;
  readonly traceId: string;
  readonly parent: string;
}

/** What the function's own SDK has recorded. */
async function ownSpans(trigger: string): Promise<readonly OwnSpan[]> {
  const { stdout } = await host.hearth('logs', 'traced', '--since', '10m', '--limit', '1000');
  const lines = stdout.split('\n').flatMap((line) => /\{.*\}/.exec(line) ?? []);
  return lines
    .map((line) => JSON.parse(line) as OwnSpan)
    .filter((span) => span.trigger === trigger);
}

/** All spans of a trace, once each but the root has its parent among them, the function's own too. */
async function connectedSpans(traceId: string, trigger: string) {
  return await vi.waitFor(async () => {
    const spans = spansOf(traceId);
    const ids = new Set(spans.map(({ spanId }) => spanId));
    const own = (await ownSpans(trigger)).find((span) => span.traceId === traceId);
    const run = spans.find(({ name }) => name === 'run traced');
    expect(own?.parent).toBe(run?.spanId ?? 'none yet');
    expect(spans.filter((span) => !ids.has(span.parentSpanId ?? ''))).toHaveLength(1);
    return spans;
  }, soon);
}

async function addJob(): Promise<void> {
  const connection = { path: join(host.dataDir, 'redis', 'durable.sock') };
  const queue = new Queue('traced-jobs', { connection });
  await queue.add('job', {});
  await queue.close();
}

const spansOf = (traceId: string) => collector.spans.filter((span) => span.traceId === traceId);

describe('a trace', () => {
  const traceId = 'a1'.repeat(16);
  const parentId = 'b2'.repeat(8);

  test('connects caller, gateway, worker and function', async () => {
    const headers = { traceparent: `00-${traceId}-${parentId}-01` };
    const told = await (await host.fetch('/fn/traced', { headers })).text();
    const spans = await connectedSpans(traceId, 'fetch');
    const names = ['GET /fn/traced', 'queue', 'lease', 'init', 'run traced'];
    expect(spans.map(({ name }) => name)).toEqual(expect.arrayContaining(names));
    const request = spans.find(({ name }) => name === 'GET /fn/traced');
    expect(request).toMatchObject({ service: 'hearth-gateway', parentSpanId: parentId });
    const isStep = ({ name }: CollectedSpan) => name.startsWith('lease ');
    const lease = spans.find(({ name }) => name === 'lease');
    const steps = spans.filter(isStep);
    expect(steps.length).toBeGreaterThan(0);
    expect(steps.every(({ parentSpanId }) => parentSpanId === lease?.spanId)).toBe(true);
    const others = spans.filter((span) => span !== request && !isStep(span));
    for (const span of others) {
      expect(span).toMatchObject({ service: 'hearth-worker', parentSpanId: request?.spanId });
    }
    const run = others.find(({ name }) => name === 'run traced');
    expect(told).toBe(`00-${traceId}-${run?.spanId}-01`);
    expect(run?.attributes).toMatchObject({ 'faas.name': 'traced', 'faas.coldstart': true });
  });

  test('connects a request with the invocation that nobody waits for', async () => {
    const headers = {
      traceparent: `00-${'e5'.repeat(16)}-${parentId}-01`,
      prefer: 'respond-async',
    };
    const path = '/v1/functions/traced/invocations';
    const accepted = await host.fetchWithKey(path, { method: 'POST', headers, body: '{}' });
    expect(accepted.status).toBe(202);
    const spans = await connectedSpans('e5'.repeat(16), 'fetch');
    const request = spans.find(({ name }) => name.startsWith('POST '));
    const attempt = spans.find(({ name }) => name === 'process events.traced');
    expect(request).toMatchObject({ service: 'hearth-gateway', parentSpanId: parentId });
    expect(attempt).toMatchObject({ service: 'hearth-worker', parentSpanId: request?.spanId });
    const { traceId: of, spanId } = request!;
    expect(attempt?.links).toMatchObject([{ traceId: of, spanId }]);
  });

  test.each(['cron', 'queue'])('begins with an invocation from a %s', async (trigger) => {
    if (trigger === 'queue') await addJob();
    const traceId = await vi.waitFor(
      async () => (await ownSpans(trigger))[0]?.traceId ?? Promise.reject(new Error('none yet')),
      soon,
    );
    const spans = await connectedSpans(traceId, trigger);
    const destination = trigger === 'cron' ? 'events.traced' : 'traced-jobs';
    const attempt = spans.find(({ name }) => name === `process ${destination}`);
    expect(attempt?.attributes).toMatchObject({
      'messaging.system': 'bullmq',
      'messaging.destination.name': destination,
      'faas.trigger': trigger === 'cron' ? 'timer' : 'pubsub',
    });
    expect(attempt?.parentSpanId ?? '').toBe('');
  });

  test('that its caller does not record is recorded when something fails', async () => {
    const quiet = { traceparent: `00-${'c3'.repeat(16)}-${parentId}-00` };
    await host.fetch('/fn/traced', { headers: quiet });
    const failing = { traceparent: `00-${'d4'.repeat(16)}-${parentId}-00` };
    const answer = await host.fetch('/fn/traced/fails', { headers: failing });
    expect(await answer.json()).toMatchObject({ traceId: 'd4'.repeat(16) });
    await vi.waitFor(() => expect(spansOf('d4'.repeat(16)).length).toBeGreaterThan(1), soon);
    expect(spansOf('c3'.repeat(16))).toEqual([]);
  });
});

describe('what happens sets off', () => {
  test('a function that is to be told of it', async () => {
    const source = `export const handler = async (event) => console.log(event.type, event.data.functionName);`;
    const events = [{ types: ['function.*'], match: { functionName: ['watched-*'] } }];
    await deployInline(host, 'watch', source, { triggers: { events } });
    await vi.waitFor(async () => {
      // Told from some moment after the deploy on.
      await deployInline(host, 'watched-one', `export const handler = () => ${Math.random()};`);
      const { stdout } = await host.hearth('logs', 'watch');
      expect(stdout).toContain('dev.hearth.function.deployed watched-one');
    }, soon);
  });

  test('a webhook, signed', async () => {
    const posted: { readonly headers: IncomingHttpHeaders; readonly body: Buffer }[] = [];
    const server = createServer((request, response) => {
      void buffer(request).then((body) => {
        posted.push({ headers: request.headers, body });
        response.writeHead(204).end();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const set = await host.hearthWithInput('shared', 'secret', 'set', 'SIGN', '--for', 'webhook.*');
    expect(set).toMatchObject({ exitCode: 0 });
    const args = ['--type', 'function.removed', '--secret', 'SIGN'];
    expect(await host.hearth('webhook', 'create', 'ops', url, ...args)).toMatchObject({
      exitCode: 0,
    });
    await vi.waitFor(async () => {
      await deployInline(host, 'gone', 'export const handler = () => 1;');
      await host.hearth('rm', 'gone');
      expect(posted.length).toBeGreaterThan(0);
    }, soon);
    const [{ headers, body } = { headers: {}, body: Buffer.of() }] = posted;
    const id = String(headers['webhook-id']);
    const sentAt = new Date(Number(headers['webhook-timestamp']) * 1000);
    expect(headers['webhook-signature']).toBe(
      signWebhook('shared', id, body, sentAt)['webhook-signature'],
    );
    expect(JSON.parse(body.toString())).toMatchObject({
      type: 'dev.hearth.function.removed',
      data: { functionName: 'gone' },
    });
    expect((await host.hearth('webhook', 'rm', 'ops')).exitCode).toBe(0);
    server.closeAllConnections();
    server.close();
  });
});

describe('the host tells', () => {
  test('its metrics, with those of its workers', async () => {
    expect((await host.fetch('/metrics')).status).toBe(401);
    await vi.waitFor(async () => {
      const page = await (await host.fetchWithKey('/metrics')).text();
      const failed = 'function="traced",outcome="function_error",start="warm"';
      expect(page.replaceAll('thawed', 'warm')).toContain(`hearth_invocations_total{${failed}} 1`);
      expect(page).toMatch(/hearth_sandboxes_created_total\{function="traced",start="\w+"\} 1/);
      expect(page).toContain('hearth_http_answers_total{code="502"} 1');
      expect(page).toMatch(/hearth_sandbox_creation_step_seconds_count\{step="\w+"\} [1-9]/);
      expect(page).toContain('hearth_event_queue_invocations{function="traced",state="queued"} 0');
    }, soon);
  });

  test('its metrics so that a stock parser reads them', async () => {
    const page = await (await host.fetchWithKey('/metrics')).text();
    const reader = spawn('/usr/bin/python3', [openMetricsReader]);
    reader.stdin.end(page);
    const families = await text(reader.stdout);
    expect(families).toMatch(/^hearth_invocations counter [1-9]/m);
    expect(families).toMatch(/^hearth_sandboxes gauge [1-9]/m);
    expect(families).toMatch(/^hearth_invocation_duration_seconds histogram [1-9]/m);
  });

  test('what functions used', async () => {
    await vi.waitFor(async () => {
      const { stdout } = await host.hearth('usage', '--csv');
      expect(stdout).toMatch(/^\d{4}-\d{2}-\d{2},traced,\d+,1,\d+\.\d+,\d+\.\d+,\d+\r$/m);
    }, soon);
  });

  test('what happened, to who asks later', async () => {
    const response = await host.fetchWithKey('/events?type=function.deployed', {
      headers: { 'last-event-id': '0' },
    });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let told = '';
    while (!told.includes('"functionName":"traced"')) told += (await reader.read()).value;
    expect(told).toContain('"type":"dev.hearth.function.deployed"');
    await reader.cancel();
  });
});
