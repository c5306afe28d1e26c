import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { NetworkLease } from '../../src/domain/network.ts';
import { parseIpRange } from '../../src/lib/ip-range.ts';
import { ServiceGroup } from '../../src/lib/lifecycle.ts';
import { createNodeNetworks } from '../../src/network/index.ts';
import { startFakeInternet, type FakeInternet } from '../support/fake-internet.ts';
import { deployFunction } from './deploy-function.ts';
import { startHost } from '../support/running-host.ts';
import { noNetworks } from '../support/no-networks.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { httpCaller } from './http-caller.ts';
import { summary, type Samples } from './samples.ts';

type Row = readonly [name: string, samples: Samples];

const sandboxes = 1000;
const calls = 2000;
const readyLeases = 200;

const askingSource = `export default {
  fetch: async () => new Response(await (await fetch('http://hermit.fn.internal/')).text()),
};`;
const spec = {
  egress: [
    { to: { kind: 'range', range: '203.0.113.0/24' }, protocol: 'tcp', ports: [443, 443] },
    { to: { kind: 'name', name: 'api.example.com' }, protocol: 'tcp', ports: [443, 443] },
  ],
} as const;

/** What a network costs, alone and as part of an invocation. */
export async function run(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const part of [alone, invoked]) {
    await using internet = await startFakeInternet(); // the kernel takes a while to clear the first
    rows.push(...(await part(internet)));
  }
  return rows;
}

async function alone({ namespaces, router, dir }: FakeInternet): Promise<readonly Row[]> {
  await using stack = new AsyncDisposableStack();
  const [pinsDir, addressesDir] = [join(dir, 'pins'), join(dir, 'addresses')];
  for (const path of [pinsDir, addressesDir]) await mkdir(path);
  const { provider: networks, services } = createNodeNetworks({
    usage: { add: () => {}, collectFrom: () => {} },
    nodeId: 'be'.repeat(16),
    namespaces,
    pinsDir,
    addressesDir,
    readyNamespaces: 8,
    gatewayPath: join(dir, 'no-gateway.sock'),
    directory: noNetworks,
    facts: { publish: () => {} },
    logger: silentLogger,
    settings: {
      namespace: router,
      ranges: ['198.18.0.0/16', 'fd68::/64'].flatMap((text) => parseIpRange(text) ?? []),
      excepted: [],
      denied: [],
      nameServers: [{ address: '203.0.113.53', port: 53 }],
    },
  });
  const group = new ServiceGroup('network', services);
  await group.start(AbortSignal.timeout(20_000));
  stack.defer(() => group.stop(AbortSignal.timeout(60_000)));
  const ready = await timed(readyLeases, async () => await networks.lease(), {
    after: async (lease) => {
      await lease[Symbol.asyncDispose]();
      await delay(5); // until the pool is full again
    },
  });
  const leases: NetworkLease[] = [];
  const leased = await timed(sandboxes, async () => void leases.push(await networks.lease()));
  const connected = await timed(sandboxes, (i) => leases[i]!.connect(spec, 'benched'));
  const opened = await timed(sandboxes, async (i) => leases[i]!.open());
  const closed = await timed(sandboxes, async (i) => leases[i]!.close());
  return [
    ['a namespace from the pool', ready],
    ['a namespace from the pool, emptied faster than it fills', leased],
    ['connect it: veth, addresses, rules, name server', connected],
    [`open it, ${sandboxes} connected`, opened],
    [`close it, ${sandboxes} connected`, closed],
  ];
}

async function invoked({ router }: FakeInternet): Promise<readonly Row[]> {
  const environment = { HEARTH_NETWORK_NAMESPACE: router, HEARTH_DNS: '203.0.113.53' };
  await using host = await startHost({ environment });
  await deployFunction(host, 'hermit', {});
  await deployFunction(host, 'networked', { network: { egress: ['203.0.113.9:443'] } });
  await deployFunction(host, 'asker', { network: { calls: ['hermit'] } }, askingSource);
  const names = ['hermit', 'networked', 'asker'] as const;
  const callers = names.map((name) => httpCaller(`${host.url}/fn/${name}`, 1));
  const times = names.map((): number[] => []);
  const started = performance.now();
  for (let i = 0; i < calls; i++) {
    for (const [which, { call }] of callers.entries()) {
      const before = performance.now();
      await call();
      times[which]!.push(performance.now() - before);
    }
  }
  const tookMs = performance.now() - started;
  for (const { close } of callers) close();
  const [none = [], egress = [], asking = []] = times.map((each) => each.slice(calls / 4));
  const of = (samples: readonly number[]) => summary(samples, tookMs);
  return [
    ['warm call, no network', of(none)],
    ['warm call, egress', of(egress)],
    ['what egress adds, call by call (target: p50 2 ms)', of(egress.map((ms, i) => ms - none[i]!))],
    ['warm call that calls another function by name', of(asking)],
  ];
}

async function timed<T>(
  count: number,
  act: (i: number) => Promise<T>,
  { after }: { readonly after?: (result: T) => Promise<void> } = {},
): Promise<Samples> {
  const times: number[] = [];
  const started = performance.now();
  for (let i = 0; i < count; i++) {
    const before = performance.now();
    const result = await act(i);
    times.push(performance.now() - before);
    await after?.(result);
  }
  return summary(times, performance.now() - started);
}
