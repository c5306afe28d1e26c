import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  callDepthLimit,
  callerLine,
  type FunctionCaller,
} from '../../src/domain/function-caller.ts';
import { parseTraceparent } from '../../src/domain/trace.ts';
import { packageOf } from '../support/package-of.ts';
import { RunningGateway } from '../support/running-gateway.ts';

let running: RunningGateway;
beforeEach(async () => {
  running = await RunningGateway.start();
  await running.addFunction('orders', { http: { auth: 'key', methods: [] } });
  await running.addFunction('payroll', { http: { auth: 'none', methods: [] } });
});
afterEach(() => running[Symbol.asyncDispose]());

const shop: FunctionCaller = {
  functionName: 'shop',
  calls: ['orders'],
  networks: ['sales'],
  depth: 0,
};

const request = (host: string, path = '/', headers = '') =>
  `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n${headers}\r\n`;

/** What the gateway answers to these pieces, each sent by itself, on a connection of a worker's. */
async function exchange(...pieces: readonly string[]): Promise<string> {
  const socket = connect({ path: running.functionCallsPath, noDelay: true });
  socket.on('error', () => {});
  for (const piece of pieces) {
    await new Promise((resolve) => socket.write(piece, resolve));
    await new Promise(setImmediate);
  }
  return await text(socket).catch(() => 'broken off');
}

describe('a function that calls another', () => {
  test('reaches what it lists, without a key, and is named to it', async () => {
    running.worker.script = (invocation) => invocation.answer('thanks');
    const forged = 'x-hearth-caller: root\r\nauthorization: Bearer mine\r\n';
    const answer = await exchange(
      callerLine(shop) + request('Orders.fn.internal:80', '/a%2fb?c=d', forged),
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 .*thanks$/s);
    const { head, caller } = running.worker.last.item;
    expect(head).toMatchObject({ method: 'GET', url: '/a%2fb?c=d', callDepth: 1 });
    expect(caller).toBe('function:shop');
    expect(head.headers.filter(([name]) => name === 'x-hearth-caller')).toEqual([
      ['x-hearth-caller', 'shop'],
    ]);
    expect(head.headers).toContainEqual(['authorization', 'Bearer mine']); // meant for the other
  });

  test('may send it in pieces, however they are cut', async () => {
    const whole = callerLine(shop) + request('orders.fn.internal');
    const pieces = whole.match(/.{1,7}/gs) ?? [];
    expect(await exchange(...pieces)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('reaches nothing else, not even what is public', async () => {
    for (const host of ['payroll.fn.internal', 'nobody.fn.internal', 'example.com', 'orders']) {
      const answer = await exchange(callerLine(shop), request(host));
      expect(answer).toMatch(/^HTTP\/1\.1 403 /);
      expect(answer).toContain('calls.forbidden');
    }
    const management = await exchange(callerLine(shop), request('orders.fn.internal', '/v1/keys'));
    expect(management).toMatch(/^HTTP\/1\.1 200 /);
    expect(running.worker.last.item.head.url).toBe('/v1/keys'); // a path of the function's, no more
  });

  test('reaches functions on a network that both are on, and no others by it', async () => {
    const on = (...networks: string[]) => ({ network: { egress: [], networks } });
    await running.addFunction('stock', on('sales', 'plant'));
    await running.addFunction('press', on('plant'));
    expect(await exchange(callerLine(shop), request('stock.sales.internal'))).toMatch(
      /^HTTP\/1\.1 200 /,
    );
    for (const host of [
      'press.sales.internal', // only this one is on it
      'stock.plant.internal', // only that one is
      'payroll.sales.internal',
      'nobody.sales.internal',
    ]) {
      const answer = await exchange(callerLine(shop), request(host));
      expect(answer).toMatch(/^HTTP\/1\.1 403 .*calls\.forbidden/s);
    }
  });

  test('is told of a function that it may call and that is not there', async () => {
    const all = callerLine({ ...shop, calls: ['*'] });
    expect(await exchange(all, request('nobody.fn.internal'))).toMatch(/^HTTP\/1\.1 404 /);
  });

  test('cannot call in a circle for ever', async () => {
    const deep = callerLine({ ...shop, depth: callDepthLimit });
    expect(await exchange(deep, request('orders.fn.internal'))).toMatch(/^HTTP\/1\.1 508 /);
  });

  test('stays in its trace, also where it does not pass it on', async () => {
    const seen: (string | undefined)[] = [];
    running.beginTrace = (header) => void seen.push(header('traceparent'));
    const [own, known] = ['1', '2'].map((digit) => `00-${digit.repeat(32)}-${'3'.repeat(16)}-01`);
    expect(parseTraceparent(known!)).toBeDefined();
    const traced = callerLine({ ...shop, traceparent: known! });
    await exchange(traced, request('orders.fn.internal'));
    await exchange(traced, request('orders.fn.internal', '/', `traceparent: ${own}\r\n`));
    expect(seen).toEqual([known, own]);
  });

  test('streams both ways, on a connection of its own', async () => {
    const socket = connect({ path: running.functionCallsPath, allowHalfOpen: true });
    const ended = once(socket, 'end');
    let received = '';
    socket.on('data', (bytes) => (received += bytes.toString()));
    running.worker.script = (invocation) => {
      invocation.head();
      invocation.chunk('first ');
    };
    const head =
      'POST / HTTP/1.1\r\nhost: orders.fn.internal\r\ntransfer-encoding: chunked\r\n\r\n';
    socket.write(`${callerLine(shop)}${head}3\r\none\r\n`);
    await new Promise(setImmediate);
    socket.write('3\r\ntwo\r\n0\r\n\r\n');
    await vi.waitUntil(() => received.includes('first '), { timeout: 10_000, interval: 5 });
    expect(await text(running.worker.last.stream!)).toBe('onetwo');
    running.worker.last.chunk('second');
    running.worker.last.end();
    await vi.waitUntil(() => received.includes('second'), { timeout: 10_000, interval: 5 });
    await ended;
    expect(received).toMatch(/^connection: close\r$/im);
    socket.destroy();
  });

  test('is not believed when it does not come from a worker', async () => {
    expect(await exchange(request('orders.fn.internal'))).toBe('');
    expect(await exchange('x'.repeat(70_000))).toMatch(/^(broken off)?$/);
    expect(running.worker.invocations).toEqual([]);
    expect((await stat(running.functionCallsPath)).mode & 0o777).toBe(0o600);
  });
});

test('whoever may not invoke a function cannot deploy one that may', async () => {
  const scopes = [
    { action: 'deploy', pattern: 'shop' },
    { action: 'invoke', pattern: 'orders-*' },
  ] as const;
  const { secret } = await running.keys.create('ci', scopes, undefined);
  const deploy = async (...calls: string[]) => await deployWith({ calls });
  const deployWith = async (network: object) => {
    const config = { name: 'shop', entry: 'index.js', network };
    const body = await packageOf({ 'hearth.json': JSON.stringify(config), 'index.js': '' });
    const headers = { authorization: `Bearer ci:${secret}`, 'content-type': 'application/x-tar' };
    return await running.send('POST', '/v1/functions', { headers, body });
  };
  const refused = await deploy('orders');
  expect(refused.status).toBe(403);
  expect(refused.text).toContain('does not have the right invoke for \\"orders\\"');
  expect((await deploy('*')).status).toBe(403);
  const onNetwork = await deployWith({ networks: ['sales'] });
  expect(onNetwork.text).toContain('does not have the right deploy for \\"sales\\"');
  expect((await deploy('orders-new', 'orders-*')).status).toBe(201);
});

test('names no caller to a function that anyone may call', async () => {
  const forged = { 'x-hearth-caller': 'orders' };
  await running.send('GET', '/fn/payroll', { headers: forged });
  const names = running.worker.last.item.head.headers.map(([name]) => name);
  expect(names).not.toContain('x-hearth-caller');
});
