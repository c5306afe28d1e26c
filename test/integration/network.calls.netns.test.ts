import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { NetworkProvider } from '../../src/domain/network.ts';
import { ServiceGroup } from '../../src/lib/lifecycle.ts';
import { NetworkNamespaces } from '../../src/linux/index.ts';
import { createNodeNetworks } from '../../src/network/index.ts';
import { noNetworks } from '../support/no-networks.ts';
import { enterNetwork, type NetworkSandbox } from '../support/network-sandbox.ts';
import { silentLogger } from '../support/silent-logger.ts';

const stack = new AsyncDisposableStack();
const traceparent = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`;
let gatewayPath: string;
let networks: NetworkProvider;
/** What workers said first on each connection. */
let said: unknown[];

/** Says hello and who called, as a server of the tests' internet does, and echoes. */
async function startGateway(): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    socket.on('error', () => {}).on('end', () => socket.end());
    const lines = createInterface(socket);
    lines.once('line', (line) => {
      said.push(JSON.parse(line));
      socket.write('hello\n');
      lines.on('line', (echo) => socket.write(`${echo}\n`));
    });
  });
  await once(server.listen(gatewayPath), 'listening');
  return server;
}

beforeAll(async () => {
  const dir = await mkdtemp(join(tmpdir(), 'hearth-calls-'));
  stack.defer(() => rm(dir, { recursive: true }));
  gatewayPath = join(dir, 'gateway.sock');
  const namespaces = new NetworkNamespaces();
  const empty = join(dir, 'empty');
  const { provider, services } = createNodeNetworks({
    usage: { add: () => {}, collectFrom: () => {} },
    nodeId: 'ca'.repeat(16),
    namespaces,
    pinsDir: dir,
    addressesDir: dir,
    readyNamespaces: 0,
    gatewayPath,
    directory: noNetworks,
    facts: { publish: () => {} },
    logger: silentLogger,
    settings: { namespace: empty, ranges: [], excepted: [], denied: [], nameServers: [] },
  });
  networks = provider;
  const group = new ServiceGroup('networks', [namespaces, ...services]);
  await group.start(AbortSignal.timeout(20_000));
  stack.defer(() => group.stop(AbortSignal.timeout(20_000)));
  await namespaces.create(empty); // nothing leads out of it, and it passes nothing on
  stack.defer(() => namespaces.remove(empty));
});
beforeEach(() => {
  said = [];
});
afterAll(() => stack.disposeAsync());

async function sandbox(): Promise<NetworkSandbox> {
  const network = await networks.lease();
  await network.connect({ egress: [], calls: ['orders'] }, 'shop');
  return await enterNetwork(network);
}

const server: [host: string, port: string] = ['127.0.0.54', '80'];

test('a function without a network calls others by name, and the host says for whom', async () => {
  const gateway = await startGateway();
  await using caller = await sandbox();
  caller.network.open({ depth: 2, traceparent });
  expect(await caller.ask('resolve4', 'orders.fn.internal')).toBe(server[0]);
  expect(await caller.ask('resolve4', 'payroll.fn.internal')).toBe('ENOTFOUND');
  expect(await caller.ask('dial', ...server)).toBe('hello');
  expect(said).toEqual([
    { functionName: 'shop', calls: ['orders'], networks: [], depth: 2, traceparent },
  ]);
  await caller.ask('send', 'me');
  await caller.hears('echo me');
  const closed = new Promise((resolve) => gateway.close(resolve));
  caller.network.close(); // both ends learn of it
  await caller.hears('broken');
  await closed;
});

test('it cannot call while no invocation runs', async () => {
  const gateway = await startGateway();
  await using caller = await sandbox();
  expect(await caller.ask('dial', ...server)).toMatch(/^(ended|ECONNRESET)$/);
  expect(await caller.ask('resolve4', 'orders.fn.internal')).toBe('EREFUSED');
  expect(said).toEqual([]);
  caller.network.open();
  expect(await caller.ask('dial', ...server)).toBe('hello');
  gateway.close();
});

test('it gets an answer also when there is no gateway', async () => {
  await using caller = await sandbox();
  caller.network.open();
  expect(await caller.ask('dial', ...server)).toMatch(/^HTTP\/1\.1 503 /);
  const gateway = await startGateway();
  await vi.waitUntil(async () => (await caller.ask('dial', ...server)) === 'hello', {
    timeout: 20_000,
  });
  gateway.close();
});
