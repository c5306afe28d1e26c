import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startHost, type RunningHost } from '../support/running-host.ts';
import { startSpanCollector, type SpanCollector } from '../support/span-collector.ts';

const openMetricsReader = fileURLToPath(
  new URL('../support/programs/read-openmetrics.py', import.meta.url),
);
const soon = { timeout: 20_000, interval: 20 };

let collector: SpanCollector;
let host: RunningHost;
let folder: string;

/** Answers with the trace it was told to be in. */
const source = `export default {
  fetch(request) {
    if (request.url.endsWith('/fails')) throw new Error('on purpose');
    return new Response(request.headers.get('traceparent'));
  },
};`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hearth-traced-'));
  const config = { name: 'traced', entry: 'index.js', triggers: { http: { auth: 'none' } } };
  await writeFile(join(folder, 'hearth.json'), JSON.stringify(config));
  await writeFile(join(folder, 'index.js'), source);
  collector = await startSpanCollector();
  host = await startHost({ environment: collector.environment });
  expect((await host.hearth('deploy', folder)).exitCode).toBe(0);
});
afterAll(async () => {
  await host?.[Symbol.asyncDispose]();
  await collector?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const spansOf = (traceId: string) => collector.spans.filter((span) => span.traceId === traceId);

describe('a trace', () => {
  const traceId = 'a1'.repeat(16);
  const parentId = 'b2'.repeat(8);

  test('connects caller, gateway, worker and function', async () => {
    const headers = { traceparent: `00-${traceId}-${parentId}-01` };
    const told = await (await host.fetch('/fn/traced', { headers })).text();
    const names = ['GET /fn/traced', 'queue', 'lease', 'init', 'run traced'];
    await vi.waitFor(
      () => expect(new Set(spansOf(traceId).map(({ name }) => name))).toEqual(new Set(names)),
      soon,
    );
    const spans = spansOf(traceId);
    const request = spans.find(({ name }) => name === 'GET /fn/traced');
    expect(request).toMatchObject({ service: 'hearth-gateway', parentSpanId: parentId });
    const others = spans.filter((span) => span !== request);
    for (const span of others) {
      expect(span).toMatchObject({ service: 'hearth-worker', parentSpanId: request?.spanId });
    }
    const run = others.find(({ name }) => name === 'run traced');
    expect(told).toBe(`00-${traceId}-${run?.spanId}-01`);
    expect(run?.attributes).toMatchObject({ 'faas.name': 'traced', 'faas.coldstart': true });
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

describe('the host tells', () => {
  test('its metrics, with those of its workers', async () => {
    expect((await host.fetch('/metrics')).status).toBe(401);
    await vi.waitFor(async () => {
      const page = await (await host.fetchWithKey('/metrics')).text();
      const failed = 'function="traced",outcome="function_error",start="warm"';
      expect(page.replace('thawed', 'warm')).toContain(`hearth_invocations_total{${failed}} 1`);
      expect(page).toMatch(/hearth_sandboxes_created_total\{function="traced",start="\w+"\} 1/);
      expect(page).toContain('hearth_http_answers_total{code="502"} 1');
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
      expect(stdout).toMatch(/^\d{4}-\d{2}-\d{2},traced,3,1,0\.\d+\r$/m);
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
