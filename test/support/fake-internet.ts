import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { NetworkNamespaces } from '../../src/linux/index.ts';

/**
 * A router with one interface that leads to a fake internet, both in namespaces of their own and
 * with no way out of them. In the fake internet live a public server (203.0.113.9, 2001:db8::9), a
 * name server (203.0.113.53), a metadata service and a private server.
 */
export interface FakeInternet extends AsyncDisposable {
  readonly dir: string;
  readonly namespaces: NetworkNamespaces;
  /** Where a worker's `network.namespace` points. */
  readonly router: string;
  /** What its servers have seen so far. */
  events(): readonly string[];
  /** Runs a program in the router's namespace, and gives what it printed. */
  inRouter(...command: string[]): string;
}

export const publicAddress = { 4: '203.0.113.9', 6: '2001:db8::9' } as const;
export const nameServer = { address: '203.0.113.53', port: 53 } as const;

/** All of them answer, and none may be reached. */
export const forbiddenAddresses = [
  '169.254.169.254', // metadata
  'fd00:ec2::254', // metadata
  '192.168.77.7', // private
  '10.9.9.9', // private
  '192.0.2.1', // the router's own
  '2001:db8:1::1', // the router's own
] as const;

const setUp = (internet: string) => `
  link set lo up
  link add up0 type veth peer name in0 netns ${internet}
  address add 192.0.2.1/24 dev up0
  address add 2001:db8:1::1/64 dev up0 nodad
  link set up0 up
  route add default via 192.0.2.2
  route add default via 2001:db8:1::2`;

const internetSetUp = `
  link set lo up
  address add 192.0.2.2/24 dev in0
  address add 2001:db8:1::2/64 dev in0 nodad
  link set in0 up
  ${[publicAddress[4], nameServer.address, '169.254.169.254', '192.168.77.7', '10.9.9.9']
    .map((address) => `address add ${address}/32 dev lo`)
    .join('\n')}
  ${[publicAddress[6], 'fd00:ec2::254', 'fd00:77::7'].map((address) => `address add ${address}/128 dev lo nodad`).join('\n')}`;

export async function startFakeInternet(): Promise<FakeInternet> {
  const dir = await mkdtemp(join(tmpdir(), 'hearth-net-'));
  const namespaces = new NetworkNamespaces();
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  await namespaces.start();
  stack.defer(() => namespaces.stop());
  const [router, internet] = [join(dir, 'router'), join(dir, 'internet')];
  for (const path of [router, internet]) {
    await namespaces.create(path);
    stack.defer(() => namespaces.remove(path));
  }
  const inside = (namespace: string, command: readonly string[], input = '') =>
    execFileSync('nsenter', [`--net=${namespace}`, '--', ...command], { encoding: 'utf8', input });
  inside(router, ['ip', '-batch', '-'], setUp(internet));
  inside(internet, ['ip', '-batch', '-'], internetSetUp);
  inside(router, ['sh', '-c', switchesOn]);
  const script = fileURLToPath(new URL('fake-internet-server.ts', import.meta.url));
  const server = spawn('nsenter', [`--net=${internet}`, '--', process.execPath, script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  stack.defer(() => ended(server));
  const seen: string[] = [];
  const lines = createInterface(server.stdout).on('line', (line) => seen.push(line));
  await once(lines, 'line', { signal: AbortSignal.timeout(20_000) }); // the first is "ready"
  const resources = stack.move();
  return {
    dir,
    namespaces,
    router,
    events: () => seen,
    inRouter: (...command) => inside(router, command),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

const switchesOn = [
  'echo 1 > /proc/sys/net/ipv4/ip_forward',
  'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding',
].join(' && ');

async function ended(child: ChildProcess): Promise<void> {
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exited;
}
