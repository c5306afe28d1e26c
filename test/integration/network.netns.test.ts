import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { parseEgressEntry } from '../../src/config/function/egress-entry.ts';
import type { EgressRule } from '../../src/domain/network.ts';
import type { NetworkDirectory, NetworkEndpoint } from '../../src/domain/private-network.ts';
import { parseIpRange, type IpRange } from '../../src/lib/ip-range.ts';
import { ServiceGroup } from '../../src/lib/lifecycle.ts';
import { createNodeNetworks, type NetworkSettings } from '../../src/network/index.ts';
import {
  forbiddenAddresses,
  nameServer,
  publicAddress,
  startFakeInternet,
  type FakeInternet,
} from '../support/fake-internet.ts';
import { enterNetwork, type NetworkSandbox } from '../support/network-sandbox.ts';
import { silentLogger } from '../support/silent-logger.ts';

let internet: FakeInternet;
beforeAll(async () => {
  internet = await startFakeInternet();
});
afterAll(() => internet?.[Symbol.asyncDispose]());

const ranges = (...texts: string[]): IpRange[] =>
  texts.map((text) => {
    const range = parseIpRange(text);
    if (!range) throw new TypeError(text);
    return range;
  });

const rulesOf = (entries: readonly string[]): EgressRule[] =>
  entries.map((entry) => {
    const rule = parseEgressEntry(entry);
    if (typeof rule === 'string') throw new TypeError(rule);
    return rule;
  });

/** What is on the private networks, and who is told when that changes. */
let endpoints: Record<string, NetworkEndpoint> = {};
const listeners = new Set<() => void>();
const directory: NetworkDirectory = {
  endpoint: (network, name) => endpoints[`${name}.${network}`],
  hasFunction: (network, name) => network === 'db' && name === 'orders',
  onChange: (listener) => void listeners.add(listener),
};
function attach(changed: Record<string, string>): void {
  endpoints = Object.fromEntries(
    Object.entries(changed).map(([name, host]) => [
      name,
      { name, host, protocol: 'tcp', port: 80 },
    ]),
  );
  for (const listener of listeners) listener();
}

interface Node extends AsyncDisposable {
  readonly nodeId: string;
  readonly table: string;
  readonly denied: object[];
  /** Bytes that sandboxes sent, when it was told last. */
  readonly sent: { bytes: number };
  /** A sandbox of a function with these entries, open unless told otherwise. */
  sandbox(
    entries: readonly string[],
    options?: {
      readonly open?: boolean;
      readonly networks?: readonly string[];
      readonly bandwidth?: number;
    },
  ): Promise<NetworkSandbox>;
}

let nodes = 0;

/** The network of one worker node, in the fake internet's router. */
async function startNode(
  settings: Partial<NetworkSettings> = {},
  nodeId = `${(nodes += 1)}`.padStart(6, 'a').padEnd(32, '0'),
): Promise<Node> {
  await using stack = new AsyncDisposableStack();
  const { namespaces, dir } = internet;
  const [pins, addressesDir] = await Promise.all(
    ['pins', 'addresses'].map((name) => mkdtemp(join(dir, name))),
  );
  const denied: object[] = [];
  const sent = { bytes: 0 };
  const { provider: networks, services } = createNodeNetworks({
    nodeId,
    namespaces,
    pinsDir: pins!,
    addressesDir: addressesDir!,
    readyNamespaces: 2,
    gatewayPath: join(dir, 'no-gateway.sock'),
    directory,
    usage: {
      collectFrom: () => {},
      add: (_, { egressBytes = 0 }) => void (sent.bytes += egressBytes),
    },
    facts: { publish: (_, data) => void denied.push(data) },
    logger: silentLogger,
    settings: {
      namespace: internet.router,
      ranges: ranges('198.18.0.0/24', 'fd68::/64'),
      excepted: [],
      denied: [],
      nameServers: [nameServer],
      ...settings,
    },
  });
  const group = new ServiceGroup('network', services);
  await group.start(AbortSignal.timeout(20_000));
  stack.defer(() => group.stop(AbortSignal.timeout(20_000)));
  const resources = stack.move();
  return {
    nodeId,
    table: `hearth_${nodeId.slice(0, 16)}`,
    denied,
    sent,
    sandbox: async (entries, { open = true, networks: on = [], ...rest } = {}) => {
      const network = await networks.lease();
      await network.connect({ egress: rulesOf(entries), networks: on, ...rest }, 'tested');
      if (open) network.open();
      return await enterNetwork(network);
    },
    [Symbol.asyncDispose]: async () => {
      await resources.disposeAsync();
      // A namespace goes some time after it was removed, and its link with it: the next node has the range.
      const links = () => internet.inRouter('ip', '-o', 'link');
      await vi.waitFor(() => expect(links()).not.toContain(`h${nodeId.slice(0, 6)}`));
    },
  };
}

describe('a sandbox with egress', () => {
  let node: Node;
  beforeAll(async () => {
    node = await startNode();
  });
  afterAll(() => node?.[Symbol.asyncDispose]());

  test('reaches the ranges and ports that its function lists, as one address of the node', async () => {
    await using sandbox = await node.sandbox([
      '203.0.113.0/24:443',
      '[2001:db8::/64]:443',
      '203.0.113.9:123/udp',
    ]);
    expect(await sandbox.ask('dial', publicAddress[4], '443')).toBe('hello 192.0.2.1');
    expect(await sandbox.ask('dial', publicAddress[6], '443')).toBe('hello 2001:db8:1::1');
    expect(await sandbox.ask('datagram', publicAddress[4], '123')).toBe('pong');
    expect(await sandbox.ask('dial', publicAddress[4], '80')).toBe('ECONNREFUSED');
    expect(await sandbox.ask('dial', publicAddress[6], '80')).toBe('ECONNREFUSED');
  });

  test('has what it sent counted before it is gone', async () => {
    const before = node.sent.bytes;
    {
      await using sandbox = await node.sandbox(['203.0.113.0/24:443']);
      expect(await sandbox.ask('dial', publicAddress[4], '443')).toBe('hello 192.0.2.1');
    }
    const aConnection = 3 * (14 + 20 + 20); // SYN, ACK, FIN: Ethernet, IP, TCP
    expect(node.sent.bytes - before).toBeGreaterThanOrEqual(aConnection);
  });

  test('reaches names that its function lists, and learns of no other', async () => {
    await using sandbox = await node.sandbox(['api.example.com:443', '*.example.com:80']);
    expect(await sandbox.ask('resolve4', 'API.example.com')).toBe(publicAddress[4]);
    expect(await sandbox.ask('resolve6', 'api.example.com')).toBe(publicAddress[6]);
    expect(await sandbox.ask('resolve4', 'alias.example.com')).toBe(publicAddress[4]);
    expect(await sandbox.ask('dial', publicAddress[4], '443')).toBe('hello 192.0.2.1');
    expect(await sandbox.ask('dial', publicAddress[6], '443')).toBe('hello 2001:db8:1::1');
    expect(await sandbox.ask('dial', publicAddress[4], '80')).toBe('hello 192.0.2.1');
    expect(await sandbox.ask('dial', publicAddress[4], '8443')).toBe('ECONNREFUSED');
    expect(await sandbox.ask('resolve4', 'nothing.example.com')).toBe('ENOTFOUND');
    expect(await sandbox.ask('resolve4', 'c2VjcmV0.evil.test')).toBe('ENOTFOUND');
    expect(await sandbox.ask('text', 'api.example.com')).toBe('ENODATA');
    expect(internet.events().filter((event) => event.includes('evil.test'))).toEqual([]);
  });

  test('cannot reach the address of a name before it has asked, nor what a name must not mean', async () => {
    await using sandbox = await node.sandbox(['rebind.example.com:80', '*.example.org:443']);
    expect(await sandbox.ask('dial', publicAddress[4], '80')).toBe('ECONNREFUSED');
    expect(await sandbox.ask('resolve4', 'rebind.example.com')).toBe(publicAddress[4]);
    expect(await sandbox.ask('dial', publicAddress[4], '80')).toBe('hello 192.0.2.1');
    expect(await sandbox.ask('dial', '169.254.169.254', '80')).toBe('ECONNREFUSED');
  });

  test('learns of all that a name has, also where that is longer than a datagram', async () => {
    await using sandbox = await node.sandbox(['long.example.com:80']);
    expect(await sandbox.ask('resolve4', 'long.example.com')).toBe(
      '203.0.113.1,203.0.113.2,203.0.113.3,203.0.113.9',
    );
    expect(internet.events()).toContain('asked long.example.com A over TCP');
    expect(await sandbox.ask('dial', publicAddress[4], '80')).toBe('hello 192.0.2.1');
  });

  test('is not led elsewhere by a name that means something private the next time', async () => {
    await using sandbox = await node.sandbox(['turning.example.com:80']);
    expect(await sandbox.ask('resolve4', 'turning.example.com')).toBe(publicAddress[4]);
    const again = () => sandbox.ask('resolve4', 'turning.example.com');
    await vi.waitUntil(async () => (await again()) === 'ENODATA', { timeout: 20_000 });
    expect(await sandbox.ask('dial', '10.9.9.9', '80')).toBe('ECONNREFUSED');
  });

  test('reaches nothing that is always blocked, whatever its function lists', async () => {
    await using sandbox = await node.sandbox([
      '*:80',
      '0.0.0.0/0:80',
      '[::/0]:80',
      '169.254.169.254:80',
    ]);
    expect(await sandbox.ask('dial', publicAddress[4], '80')).toBe('hello 192.0.2.1');
    for (const address of forbiddenAddresses) {
      expect([address, await sandbox.ask('dial', address, '80')]).toEqual([
        address,
        'ECONNREFUSED',
      ]);
    }
  });

  test('reaches no other sandbox', async () => {
    await using one = await node.sandbox(['0.0.0.0/0:*', '[::/0]:*']);
    await using other = await node.sandbox(['0.0.0.0/0:*', '[::/0]:*']);
    for (const sandbox of [one, other]) expect(await sandbox.ask('serve', '80')).toBe('serving');
    for (const family of ['IPv4', 'IPv6']) {
      const address = await other.ask('address', family);
      expect(await other.ask('dial', address, '80')).toContain('hello');
      expect(await one.ask('dial', address, '80')).toBe('ECONNREFUSED');
    }
  });

  test('cannot speak for another address', async () => {
    await using sandbox = await node.sandbox(['0.0.0.0/0:443']);
    sandbox.run('ip', 'address', 'add', '198.51.100.7/32', 'dev', 'lo');
    expect(await sandbox.ask('dial', publicAddress[4], '443', '198.51.100.7')).toBe('silence');
    expect(await sandbox.ask('dial', publicAddress[4], '443')).toBe('hello 192.0.2.1');
  });

  test('cannot speak from another hardware address', async () => {
    await using sandbox = await node.sandbox(['203.0.113.9:123/udp']);
    const neighbour = await router(sandbox);
    for (const [last, word] of [
      ['99', 'forged'],
      ['02', 'own'],
    ] as const) {
      sandbox.run('ip', 'link', 'set', 'eth0', 'address', `02:00:00:00:00:${last}`);
      const known = [neighbour, 'dev', 'eth0', 'lladdr', '02:00:00:00:00:01'];
      sandbox.run('ip', 'neighbour', 'replace', ...known); // the kernel forgets it with the address
      await sandbox.ask('throw', publicAddress[4], '123', word);
    }
    await vi.waitUntil(() => internet.events().includes('datagram own'), { timeout: 20_000 });
    expect(internet.events()).not.toContain('datagram forged');
  });

  test('reaches nothing while it is closed, and asks for no names', async () => {
    await using sandbox = await node.sandbox(['*:443'], { open: false });
    expect(await sandbox.ask('dial', publicAddress[4], '443')).toBe('ECONNREFUSED');
    expect(await sandbox.ask('resolve4', 'api.example.com')).toBe('EREFUSED');
    sandbox.network.open();
    expect(await sandbox.ask('dial', publicAddress[4], '443')).toBe('hello 192.0.2.1');
  });

  test('loses its connections, at both ends, when the invocation is over', async () => {
    await using sandbox = await node.sandbox(['*:8443']);
    expect(await sandbox.ask('dial', publicAddress[4], '8443')).toBe('hello 192.0.2.1');
    sandbox.network.close();
    await sandbox.hears('broken');
    await vi.waitUntil(() => internet.events().includes('closed 8443 by a reset'));
    sandbox.network.open();
    expect(await sandbox.ask('dial', publicAddress[4], '8443')).toBe('hello 192.0.2.1');
  });

  test('has only so many connections at once', async () => {
    await using sandbox = await node.sandbox(['*:443']);
    const begun = Number(await sandbox.ask('burst', publicAddress[4], '443', '1000'));
    expect(begun).toBeGreaterThanOrEqual(200);
    expect(begun).toBeLessThanOrEqual(512);
  });

  test('sends and receives no more than its function may, or its operator allows', async () => {
    // 8 Mbit/s less what goes at once: a megabyte takes 0.9 s at the least, however fast the machine.
    const other = { ranges: ranges('198.18.1.0/24', 'fd69::/64') };
    await using strict = await startNode({ bandwidth: 8e6, ...other });
    const asked = [
      await node.sandbox(['*:9000'], { bandwidth: 8e6 }),
      await strict.sandbox(['*:9000']),
      await strict.sandbox(['*:9000'], { bandwidth: 1e9 }),
    ];
    const times = asked.map(async (sandbox) => {
      await using _ = sandbox;
      return [
        await sandbox.ask('bulk', 'send', publicAddress[4], '9000'),
        await sandbox.ask('bulk', 'receive', publicAddress[4], '9000'),
      ];
    });
    for (const time of (await Promise.all(times)).flat()) expect(Number(time)).toBeGreaterThan(800);
  });

  test('tells what it was refused, once', async () => {
    node.denied.length = 0;
    await using sandbox = await node.sandbox(['api.example.com:443']);
    for (let i = 0; i < 3; i++) await sandbox.ask('dial', '10.9.9.9', '5432');
    await sandbox.ask('resolve4', 'leak.evil.test');
    await vi.waitUntil(() => node.denied.length >= 2, { timeout: 20_000 });
    expect(node.denied).toEqual(
      expect.arrayContaining([
        { functionName: 'tested', target: 'leak.evil.test', protocol: 'dns', port: 53 },
        { functionName: 'tested', target: '10.9.9.9', protocol: 'tcp', port: 5432 },
      ]),
    );
  });
});

/** The other end of its link: the address before its own. */
async function router(sandbox: NetworkSandbox): Promise<string> {
  const own = await sandbox.ask('address', 'IPv4');
  return own.replace(/\d+$/, (last) => String(Number(last) - 1));
}

describe('a sandbox on a private network', () => {
  let node: Node;
  beforeAll(async () => {
    node = await startNode();
  });
  afterEach(() => attach({}));
  afterAll(() => node?.[Symbol.asyncDispose]());

  test('reaches its endpoints by name, on their ports, and nobody else does', async () => {
    attach({ 'postgres.db': '10.9.9.9', 'api.db': 'api.example.com', 'six.db': 'fd00:77::7' });
    await using inside = await node.sandbox([], { networks: ['db'] });
    await using outside = await node.sandbox(['*:80'], { networks: ['other'] });
    expect(await inside.ask('dial', '10.9.9.9', '80')).toBe('ECONNREFUSED'); // not asked for yet
    expect(await inside.ask('resolve4', 'postgres.db.internal')).toBe('10.9.9.9');
    expect(await inside.ask('dial', '10.9.9.9', '80')).toBe('hello 192.0.2.1');
    expect(await inside.ask('dial', '10.9.9.9', '443')).toBe('ECONNREFUSED');
    expect(await inside.ask('resolve4', 'api.db.internal')).toBe(publicAddress[4]);
    expect(await inside.ask('dial', publicAddress[4], '80')).toBe('hello 192.0.2.1');
    expect(await inside.ask('resolve6', 'six.db.internal')).toBe('fd00:77::7');
    expect(await inside.ask('dial', 'fd00:77::7', '80')).toBe('hello 2001:db8:1::1');
    expect(await inside.ask('resolve4', 'postgres.other.internal')).toBe('ENOTFOUND');
    expect(await outside.ask('resolve4', 'postgres.db.internal')).toBe('ENOTFOUND');
    expect(await outside.ask('dial', '10.9.9.9', '80')).toBe('ECONNREFUSED');
  });

  test('reaches a service of the node itself at its address, and nothing else of it', async () => {
    attach({ 'node.db': '192.0.2.1' });
    await using service = await serveInRouter(80, 8080);
    expect(service).toBeDefined();
    await using sandbox = await node.sandbox([], { networks: ['db'] });
    expect(await sandbox.ask('dial', '192.0.2.1', '80')).toBe('ECONNREFUSED');
    await sandbox.ask('resolve4', 'node.db.internal');
    expect(await sandbox.ask('dial', '192.0.2.1', '8080')).toBe('ECONNREFUSED');
    expect(await sandbox.ask('dial', '192.0.2.1', '80')).toBe('hello');
    sandbox.network.close();
    await sandbox.hears('broken');
    expect(await sandbox.ask('dial', '192.0.2.1', '80')).toBe('ECONNREFUSED');
  });

  test('loses an endpoint that is taken away, and gains one that is added', async () => {
    await using sandbox = await node.sandbox([], { networks: ['db'] });
    expect(await sandbox.ask('resolve4', 'cache.db.internal')).toBe('ENOTFOUND');
    attach({ 'cache.db': '10.9.9.9' });
    expect(await sandbox.ask('resolve4', 'cache.db.internal')).toBe('10.9.9.9');
    expect(await sandbox.ask('dial', '10.9.9.9', '80')).toBe('hello 192.0.2.1');
    attach({});
    expect(await sandbox.ask('dial', '10.9.9.9', '80')).toBe('ECONNREFUSED');
    expect(await sandbox.ask('resolve4', 'cache.db.internal')).toBe('ENOTFOUND');
  });

  test('is not led to where no endpoint can be', async () => {
    attach({ 'meta.db': '169.254.169.254', 'rebind.db': 'rebind.example.com' });
    await using sandbox = await node.sandbox([], { networks: ['db'] });
    expect(await sandbox.ask('resolve4', 'meta.db.internal')).toBe('ENODATA');
    expect(await sandbox.ask('resolve4', 'rebind.db.internal')).toBe(
      `10.9.9.9,${publicAddress[4]}`,
    );
    expect(await sandbox.ask('dial', '169.254.169.254', '80')).toBe('ECONNREFUSED');
  });

  test('finds the other functions on it behind its door', async () => {
    await using sandbox = await node.sandbox([], { networks: ['db'] });
    expect(await sandbox.ask('resolve4', 'orders.db.internal')).toBe('127.0.0.54');
    expect(await sandbox.ask('dial', '127.0.0.54', '80')).toMatch(/^HTTP\/1\.1 503 /); // no gateway
  });
});

/** A server on these ports of the router, as one of the machine's own would be. */
async function serveInRouter(...ports: number[]): Promise<AsyncDisposable> {
  const { namespaces, router } = internet;
  const servers = await Promise.all(
    ports.map(async (port) => {
      const fd = await namespaces.listenIn(router, port, '192.0.2.1');
      const server = createServer((socket) => socket.on('error', () => {}).write('hello\n'));
      await once(server.listen({ fd }), 'listening');
      return server;
    }),
  );
  return {
    [Symbol.asyncDispose]: async () => servers.forEach((server) => server.close()),
  };
}

describe('the network of a node', () => {
  test('opens to what the operator excepts, and closes to what the operator denies', async () => {
    await using node = await startNode({
      excepted: ranges('10.9.9.0/24'),
      denied: ranges('203.0.113.0/24'),
    });
    await using sandbox = await node.sandbox(['0.0.0.0/0:80']);
    expect(await sandbox.ask('dial', '10.9.9.9', '80')).toBe('hello 192.0.2.1');
    expect(await sandbox.ask('dial', publicAddress[4], '80')).toBe('ECONNREFUSED');
  });

  test('leaves other tables and interfaces alone, and nothing behind', async () => {
    internet.inRouter('nft', 'add table inet somebody_else');
    const before = [
      internet.inRouter('nft', 'list', 'ruleset'),
      internet.inRouter('ip', '-o', 'link'),
    ];
    const node = await startNode();
    const sandbox = await node.sandbox(['*:443']);
    expect(internet.inRouter('nft', 'list', 'tables')).toContain(node.table);
    await sandbox[Symbol.asyncDispose]();
    await node[Symbol.asyncDispose]();
    await vi.waitUntil(() => internet.inRouter('ip', '-o', 'link') === before[1]);
    expect(internet.inRouter('nft', 'list', 'ruleset')).toBe(before[0]);
  });

  test('is rebuilt after somebody has flushed all rules; whoever was connected gets nothing through', async () => {
    await using node = await startNode();
    await using before = await node.sandbox(['*:443'], { open: false });
    internet.inRouter('nft', 'flush', 'ruleset');
    expect(() => before.network.open()).toThrow(
      expect.objectContaining({ reason: 'network.rules_lost' }),
    );
    await using after = await node.sandbox(['*:443']);
    expect(await after.ask('dial', publicAddress[4], '443')).toBe('hello 192.0.2.1');
    expect(await before.ask('dial', publicAddress[4], '443')).not.toContain('hello');
  });

  test('takes the place of what an earlier worker of the same node left', async () => {
    await using killed = await startNode();
    await using forgotten = await killed.sandbox(['*:443']);
    await using node = await startNode({}, killed.nodeId);
    expect(await forgotten.ask('dial', publicAddress[4], '443')).not.toContain('hello');
    await using sandbox = await node.sandbox(['*:443']);
    expect(await sandbox.ask('dial', publicAddress[4], '443')).toBe('hello 192.0.2.1');
  });

  test('is refused where its addresses are in use, and where packets are not passed on', async () => {
    await using clashing = await startNode({ ranges: ranges('192.0.2.0/25') });
    await expect(clashing.sandbox(['*:443'])).rejects.toMatchObject({
      reason: 'network.range_in_use',
      message: expect.stringContaining('192.0.2.1/24 of up0'),
    });
    const still = join(internet.dir, 'still');
    await internet.namespaces.create(still);
    await using isolated = await startNode({ namespace: still });
    await expect(isolated.sandbox(['*:443'])).rejects.toMatchObject({
      reason: 'network.not_forwarding',
    });
    await internet.namespaces.remove(still);
  });
});
