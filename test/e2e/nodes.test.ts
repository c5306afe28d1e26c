import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDebianRegistry, type DebianRegistry } from '../support/debian-registry.ts';
import { startProcess } from '../support/host-process.ts';
import { manifestDigest } from '../support/oci-layout.ts';
import { packageOf } from '../support/package-of.ts';
import { startRedis } from '../support/redis.ts';
import { makeDataDir } from '../support/running-host.ts';

// A gateway and worker nodes that share a Redis, but no disk: images come over the registry protocol.
const masterKey = 'master.key';

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
/** A gateway and one worker with a data folder of its own. */
async function startInstallation(
  settings: Readonly<Record<string, string>>,
  nodeSettings: (gateway: Gateway) => Promise<Readonly<Record<string, string>>>,
) {
  const own = new AsyncDisposableStack();
  const nodeDir = await makeDataDir();
  own.defer(() => rm(nodeDir, { recursive: true, force: true }));
  const [durable, fast] = await Promise.all([startRedis({ durable: true }), startRedis()]);
  own.defer(() => durable.stop());
  own.defer(() => fast.stop());
  const common = {
    HEARTH_REDIS_DURABLE: `unix:${durable.socketPath}`,
    HEARTH_REDIS_FAST: `unix:${fast.socketPath}`,
    ...settings,
  };
  const gatewayEnvironment = { HEARTH_DATA: gatewayDir, HEARTH_LISTEN: '127.0.0.1:0', ...common };
  const { announcement: url } = own.use(await startProcess('gateway', gatewayEnvironment));
  const key = (await readFile(join(gatewayDir, 'root.key'), 'utf8')).trim();
  const send = (path: string, init: RequestInit = {}) =>
    fetch(`${url}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${key}`, ...(init.headers as Record<string, string>) },
    });
  const gateway = { url, send };
  const master = await readFile(join(gatewayDir, masterKey));
  await writeFile(join(nodeDir, masterKey), master, { mode: 0o600 });
  const nodeEnvironment = { HEARTH_DATA: nodeDir, ...common, ...(await nodeSettings(gateway)) };
  own.use(await startProcess('worker', nodeEnvironment));
  return { ...gateway, nodeDir, [Symbol.asyncDispose]: () => own.disposeAsync() };
}

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
  const { version } = (await answer.json()) as { version: { digest: string } };
  return { name, digest: version.digest };
}

const blobsOf = (nodeDir: string) => readdir(join(nodeDir, 'images/blobs/sha256'));

describe("a worker node without the gateway's disk", () => {
  test('pulls what it runs from the gateway, with a key that can do nothing else', async () => {
    const nodeKey = async ({ url, send }: Gateway) => {
      const scopes = [{ action: 'registry:pull', pattern: 'hearth/*' }];
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ id: 'node', scopes });
      const made = await send('/v1/keys', { method: 'POST', headers, body });
      const { secret } = (await made.json()) as { secret: string };
      return { HEARTH_URL: url, HEARTH_KEY: `node:${secret}` };
    };
    await using installation = await startInstallation({}, nodeKey);
    expect(await blobsOf(installation.nodeDir)).toEqual([]);
    const { name, digest } = await deploy(installation, 'from afar');
    const answer = await fetch(`${installation.url}/fn/${name}`);
    expect({ status: answer.status, text: await answer.text() }).toEqual({
      status: 200,
      text: 'from afar',
    });
    expect(await blobsOf(installation.nodeDir)).toContain(digest.slice('sha256:'.length));
  });

  test('pulls from the registry that versions are pushed to, where one is set', async () => {
    const settings = {
      HEARTH_REGISTRY: `${registry.host}/team/functions`,
      HEARTH_REGISTRY_AUTH: join(dir, 'auth.json'),
    };
    await using installation = await startInstallation(settings, async () => ({}));
    const { name, digest } = await deploy(installation, 'from a registry');
    const options = ['--tls-verify=false', '--creds=user:secret'];
    const pushed = `docker://${registry.host}/team/functions:${name}-1`;
    expect(await manifestDigest(pushed, ...options)).toBe(digest);
    const answer = await fetch(`${installation.url}/fn/${name}`);
    expect({ status: answer.status, text: await answer.text() }).toEqual({
      status: 200,
      text: 'from a registry',
    });
    expect(await blobsOf(installation.nodeDir)).toContain(digest.slice('sha256:'.length));
  });
});
