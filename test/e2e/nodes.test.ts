import { copyFile, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startDebianRegistry, type DebianRegistry } from '../support/debian-registry.ts';
import { startProcess } from '../support/host-process.ts';
import { manifestDigest } from '../support/oci-layout.ts';
import { packageOf } from '../support/package-of.ts';
import { startRedis } from '../support/redis.ts';
import { makeDataDir } from '../support/running-host.ts';

// A gateway and worker nodes that share a Redis, but no disk: images come over the registry protocol,
// answers go back over TCP, to who has the cluster key.
const sharedKeys = ['master.key', 'cluster.key'];

let dir: string;
let stack: AsyncDisposableStack;
let gatewayDir: string;
let registry: DebianRegistry;
beforeAll(async () => {
  stack = new AsyncDisposableStack();
  dir = await makeDataDir();
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  gatewayDir = join(dir, 'gateway-data'); // one for all tests: its base image takes seconds
  const htpasswd = 'user:$2b$05$32ddoNgfY9GWcTID5yAcYOTAMsx1bs7ncLl2O921zMpiLAToQ5nPO\n';
  registry = stack.use(await startDebianRegistry(dir, htpasswd));
  const auth = Buffer.from('user:secret').toString('base64');
  await writeFile(join(dir, 'auth.json'), JSON.stringify({ auths: { [registry.host]: { auth } } }));
});
afterAll(() => stack.disposeAsync());

let count = 0;
/** A gateway, and `startNode` for workers with a data folder of their own. */
async function startInstallation(
  settings: Readonly<Record<string, string>>,
  nodeSettings: (gateway: Gateway) => Promise<Readonly<Record<string, string>>>,
) {
  const own = new AsyncDisposableStack();
  const [durable, fast] = await Promise.all([startRedis({ durable: true }), startRedis()]);
  own.defer(() => durable.stop());
  own.defer(() => fast.stop());
  const common = {
    HEARTH_REDIS_DURABLE: `unix:${durable.socketPath}`,
    HEARTH_REDIS_FAST: `unix:${fast.socketPath}`,
    ...settings,
  };
  const gatewayEnvironment = {
    HEARTH_DATA: gatewayDir,
    HEARTH_LISTEN: '127.0.0.1:0',
    HEARTH_CLUSTER_LISTEN: '127.0.0.1:0',
    ...common,
  };
  const { announcement: url } = own.use(await startProcess('gateway', gatewayEnvironment));
  const key = (await readFile(join(gatewayDir, 'root.key'), 'utf8')).trim();
  const send = (path: string, init: RequestInit = {}) =>
    fetch(`${url}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${key}`, ...(init.headers as Record<string, string>) },
    });
  const gateway = { url, send };
  const ofNodes = { ...common, ...(await nodeSettings(gateway)) };
  let nodes = 0;
  const startNode = async (): Promise<string> => {
    const nodeDir = await makeDataDir();
    own.defer(() => rm(nodeDir, { recursive: true, force: true }));
    for (const key of sharedKeys) await copyFile(join(gatewayDir, key), join(nodeDir, key));
    own.use(await startProcess('worker', { HEARTH_DATA: nodeDir, ...ofNodes }));
    await sees(gateway, ++nodes);
    return nodeDir;
  };
  return { ...gateway, startNode, [Symbol.asyncDispose]: () => own.disposeAsync() };
}

/** A gateway looks for nodes each second. */
const sees = ({ send }: Gateway, nodes: number) =>
  vi.waitFor(async () => expect(await (await send('/readyz')).json()).toMatchObject({ nodes }));

interface Gateway {
  readonly url: string;
  readonly send: (path: string, init?: RequestInit) => Promise<Response>;
}

async function deploy({ send }: Gateway, text: string) {
  const name = `far-${++count}`;
  const config = { name, entry: 'index.mjs', triggers: { http: { auth: 'none' } }, timeout: '60s' };
  const body = new Uint8Array(
    await packageOf({
      'hearth.json': JSON.stringify(config),
      'index.mjs': `export default { fetch: () => new Response(${JSON.stringify(text)}) };`,
    }),
  );
  const headers = { 'content-type': 'application/x-tar' };
  const answer = await send('/v1/functions', { method: 'POST', headers, body });
  expect(answer.status).toBe(201);
  const { version, unreadyNodes } = (await answer.json()) as {
    readonly version: { readonly digest: string };
    readonly unreadyNodes: readonly object[];
  };
  expect(unreadyNodes).toEqual([]);
  return { name, digest: version.digest };
}

const hexOf = (digest: string): string => digest.slice('sha256:'.length);

const blobsOf = (nodeDir: string) => readdir(join(nodeDir, 'images/blobs/sha256'));

/** Of the whole image on a node's disk, stored and unpacked. */
async function partsOn(nodeDir: string, digest: string): Promise<readonly string[]> {
  const blob = (hex: string) => join(nodeDir, 'images/blobs/sha256', hexOf(hex));
  const { config, layers } = JSON.parse(await readFile(blob(digest), 'utf8')) as {
    readonly config: { readonly digest: string };
    readonly layers: readonly { readonly digest: string }[];
  };
  // What is made here is stored uncompressed: the digest is the diffID.
  const unpacked = layers.map((layer) => join(nodeDir, 'images/layers', hexOf(layer.digest)));
  return [
    blob(digest),
    blob(config.digest),
    ...layers.map((layer) => blob(layer.digest)),
    ...unpacked,
  ];
}

const isReadyOn = async (nodeDir: string, digest: string) => {
  for (const part of await partsOn(nodeDir, digest)) await stat(part);
};

async function nodeKey({ url, send }: Gateway) {
  const scopes = [{ action: 'registry:pull', pattern: 'hearth/*' }];
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ id: `node-${++count}`, scopes });
  const made = await send('/v1/keys', { method: 'POST', headers, body });
  const { id, secret } = (await made.json()) as { id: string; secret: string };
  return { HEARTH_URL: url, HEARTH_KEY: `${id}:${secret}` };
}

async function expectAnswer({ url }: Gateway, name: string, text: string): Promise<void> {
  const answer = await fetch(`${url}/fn/${name}`);
  expect({ status: answer.status, text: await answer.text() }).toEqual({ status: 200, text });
}

describe("worker nodes without the gateway's disk", () => {
  test('have what was deployed before the deploy answers, with a key that can do nothing else', async () => {
    await using installation = await startInstallation({}, nodeKey);
    const nodes = [await installation.startNode(), await installation.startNode()];
    expect(await blobsOf(nodes[0]!)).toEqual([]);
    const { name, digest } = await deploy(installation, 'from afar');
    for (const nodeDir of nodes) await isReadyOn(nodeDir, digest);
    await expectAnswer(installation, name, 'from afar');
  });

  test('prepare by themselves what was deployed before they came', async () => {
    await using installation = await startInstallation({}, nodeKey);
    const { name, digest } = await deploy(installation, 'from before');
    const nodeDir = await installation.startNode();
    await vi.waitFor(() => isReadyOn(nodeDir, digest));
    await expectAnswer(installation, name, 'from before');
  });

  test('are rid of what nothing needs any more, and keep what is deployed', async () => {
    await using installation = await startInstallation({}, nodeKey);
    const nodeDir = await installation.startNode();
    const { name, digest } = await deploy(installation, 'kept');
    const kept = await partsOn(nodeDir, digest);
    const hex = 'ab'.repeat(32);
    const left = join(nodeDir, 'images/blobs/sha256', hex);
    await writeFile(left, 'of a version that was removed');
    const old = new Date(Date.now() - 2 * 3_600_000);
    for (const file of [left, ...kept]) await utimes(file, old, old);
    const collect = async (dryRun: boolean) => {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ dryRun });
      const answer = await installation.send('/v1/images/collections', {
        method: 'POST',
        headers,
        body,
      });
      return (await answer.json()) as object;
    };
    const found = { nodes: [{ blobs: [`sha256:${hex}`], layers: [] }], silentNodes: [] };
    expect(await collect(true)).toMatchObject(found);
    expect(await collect(false)).toMatchObject(found);
    expect(await collect(true)).toMatchObject({ nodes: [], silentNodes: [] });
    await expect(stat(left)).rejects.toThrow('ENOENT');
    await isReadyOn(nodeDir, digest);
    await expectAnswer(installation, name, 'kept');
  });

  test('pull from the registry that versions are pushed to, where one is set', async () => {
    const settings = {
      HEARTH_REGISTRY: `${registry.host}/team/functions`,
      HEARTH_REGISTRY_AUTH: join(dir, 'auth.json'),
    };
    await using installation = await startInstallation(settings, async () => ({}));
    const nodeDir = await installation.startNode();
    const { name, digest } = await deploy(installation, 'from a registry');
    const options = ['--tls-verify=false', '--creds=user:secret'];
    const pushed = `docker://${registry.host}/team/functions:${name}-1`;
    expect(await manifestDigest(pushed, ...options)).toBe(digest);
    await isReadyOn(nodeDir, digest);
    await expectAnswer(installation, name, 'from a registry');
  });
});
