import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, Socket, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NetworkNamespaces } from '../../src/linux/index.ts';

/** A machine's network as a test plays it: a namespace with one cable to the switch. */
export interface LanNode {
  /** For `nsenter --net`. */
  readonly namespace: string;
  /** Pulls the cable out, or puts it back. */
  readonly plug: (isIn: boolean) => void;
}

/** Machines on one switch, with no way out. All of it lies in namespaces that nobody else knows. */
export interface Lan extends AsyncDisposable {
  /** The machine at the switch, whose address is `address`. */
  readonly hub: string;
  readonly address: string;
  readonly nodes: readonly LanNode[];
  /** An URL on our loopback for the HTTP server at a port of the hub. */
  forward(port: number): Promise<string>;
}

const address = '10.0.0.1';

export async function makeLan(nodeCount: number): Promise<Lan> {
  await using undo = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'hearth-lan-'));
  undo.defer(() => rm(dir, { recursive: true, force: true }));
  const namespaces = new NetworkNamespaces();
  await namespaces.start();
  undo.defer(() => namespaces.stop());
  const make = async (name: string, commands: string): Promise<string> => {
    const path = join(dir, name);
    await namespaces.create(path);
    undo.defer(() => namespaces.remove(path));
    ip(path, commands);
    return path;
  };
  const hub = await make(
    'hub',
    `link set lo up
    link add lan type bridge
    address add ${address}/24 dev lan
    link set lan up`,
  );
  const nodes: LanNode[] = [];
  for (let index = 0; index < nodeCount; index += 1) {
    const namespace = await make(
      `node-${index}`,
      `link set lo up
      link add cable type veth peer name node${index} netns ${hub}
      address add 10.0.0.${index + 2}/24 dev cable
      link set cable up`,
    );
    ip(hub, `link set node${index} master lan up`);
    const plug = (isIn: boolean) => ip(namespace, `link set cable ${isIn ? 'up' : 'down'}`);
    nodes.push({ namespace, plug });
  }
  const all = undo.move();
  const forward = async (port: number): Promise<string> => {
    const server = createServer((ours) => {
      namespaces.connectIn(hub, port).then(
        (fd) => splice(ours, new Socket({ fd })),
        () => ours.destroy(),
      );
    });
    all.defer(() => void server.close());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  return { hub, address, nodes, forward, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

function ip(namespace: string, commands: string): void {
  execFileSync('nsenter', [`--net=${namespace}`, '--', 'ip', '-batch', '-'], { input: commands });
}

/** What comes in at one goes out at the other, until either is closed. */
function splice(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.pipe(to);
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
  }
}
