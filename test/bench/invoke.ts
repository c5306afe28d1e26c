import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { startHost, type RunningHost } from '../support/running-host.ts';
import { deployFunction } from './deploy-function.ts';
import { httpCaller } from './http-caller.ts';
import { closedLoop, summary, type Samples } from './samples.ts';

/** Longer than it takes to make a stem and to let it warm up. */
const stemRefillMs = 200;

/** Invocations from end to end over HTTP, beside the same calls to a bare HTTP server. */
export async function run(): Promise<readonly (readonly [name: string, samples: Samples])[]> {
  await using host = await startHost();
  await deployFunction(host, 'one', { concurrency: 1 });
  await deployFunction(host, 'many', { concurrency: 64 });
  return [
    ['bare HTTP server, 1 caller', await bareServer(1)],
    ['bare HTTP server, 64 callers', await bareServer(64)],
    ['warm, 1 caller', await warm(host, 'one', 1)],
    ['warm, 64 callers, 1 invocation a sandbox', await warm(host, 'one', 64)],
    ['warm, 64 callers, 64 invocations a sandbox', await warm(host, 'many', 64)],
    ['stem, 1 caller', await fresh(host, 'stem', {})],
    ['cold, 1 caller', await fresh(host, 'cold', { scratch: '32Mi' })], // stems have another size
  ];
}

async function warm(host: RunningHost, name: string, callers: number): Promise<Samples> {
  return await measured(`${host.url}/fn/${name}`, callers);
}

async function bareServer(callers: number): Promise<Samples> {
  const server = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const samples = await measured(`http://127.0.0.1:${port}/`, callers);
  server.close();
  return samples;
}

async function measured(url: string, callers: number): Promise<Samples> {
  const { call, close } = httpCaller(url, callers);
  const calls = callers === 1 ? 2000 : 20_000;
  await closedLoop({ callers, calls: calls / 4 }, async () => void (await call())); // warm up
  const samples = await closedLoop({ callers, calls }, async () => void (await call()));
  close();
  return samples;
}

/**
 * A new sandbox at each call, of a function that is never reused. Calls come no faster than stems
 * are made, so that each finds one.
 */
async function fresh(host: RunningHost, kind: string, settings: object): Promise<Samples> {
  await deployFunction(host, `fresh-${kind}`, { isolation: 'invocation', ...settings });
  const { call, close } = httpCaller(`${host.url}/fn/fresh-${kind}`, 1);
  const times: number[] = [];
  const started = performance.now();
  for (let i = 0; i < 100; i++) {
    const before = performance.now();
    const { start } = await call();
    if (start === kind) times.push(performance.now() - before);
    await delay(stemRefillMs);
  }
  close();
  return summary(times, performance.now() - started);
}
