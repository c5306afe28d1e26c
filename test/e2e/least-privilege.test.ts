import { spawnSync } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { startProcess, type StartedProcess } from '../support/host-process.ts';
import { packageOf } from '../support/package-of.ts';
import { startRedis } from '../support/redis.ts';

/** Everywhere there, with nothing of its own. */
const nobody = 'nobody';

const program = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const canRead = spawnSync('setpriv', ['--reuid', nobody, 'cat', program]).status === 0;
if (!canRead) console.warn('skipped: the gateway runs as "nobody", who cannot read this clone');

describe.skipIf(!canRead)('a gateway that root starts with HEARTH_USER', () => {
  let stack: AsyncDisposableStack;
  let dir: string;
  let settings: Readonly<Record<string, string>>;
  let gateway: StartedProcess;
  beforeAll(async () => {
    stack = new AsyncDisposableStack();
    dir = await mkdtemp(join(tmpdir(), 'hearth-least-'));
    stack.defer(() => rm(dir, { recursive: true, force: true }));
    await chmod(dir, 0o711);
    const port = await freePort();
    const redis = await startRedis({ durable: true, settings: ['--port', `${port}`] });
    stack.defer(() => redis.stop());
    const url = `redis://127.0.0.1:${port}`;
    settings = { HEARTH_REDIS_DURABLE: url, HEARTH_REDIS_FAST: url };
    gateway = stack.use(await startProcess('gateway', gatewaySettings(join(dir, 'gateway'))));
  });
  afterAll(() => stack.disposeAsync());

  const gatewaySettings = (dataDir: string) => ({
    ...settings,
    HEARTH_USER: nobody,
    HEARTH_DATA: dataDir,
    HEARTH_LISTEN: '127.0.0.1:0',
    HEARTH_CLUSTER_LISTEN: '127.0.0.1:0',
  });
  const keyFile = (name: string) => join(dir, 'gateway', name);

  test('is that user, without a capability, and so is its folder', async () => {
    const status = await readFile(`/proc/${gateway.pid}/status`, 'utf8');
    const { uid } = await stat(keyFile('root.key'));
    expect(uid).toBeGreaterThan(0);
    expect(status).toMatch(new RegExp(`^Uid:\t${uid}\t${uid}\t${uid}\t${uid}$`, 'm'));
    expect(status).toMatch(/^CapPrm:\t0+$/m);
    expect(status).toMatch(/^CapEff:\t0+$/m);
  });

  test('deploys and serves what a worker on the machine runs', async () => {
    const workerDir = join(dir, 'worker');
    await mkdir(workerDir, { mode: 0o700 });
    for (const name of ['master.key', 'cluster.key']) {
      await copyFile(keyFile(name), join(workerDir, name));
    }
    const key = (await readFile(keyFile('root.key'), 'utf8')).trim();
    const { announcement: url } = gateway;
    await using _worker = await startProcess('worker', {
      ...settings,
      HEARTH_DATA: workerDir,
      HEARTH_STEMS: '0',
      HEARTH_URL: url,
      HEARTH_KEY: key,
    });
    await vi.waitFor(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200));
    const body = await packageOf({
      'hearth.json': '{ "name": "hello", "entry": "index.mjs", "timeout": "60s" }',
      'index.mjs': 'export const handler = async () => "hello";',
    });
    const authorization = `Bearer ${key}`;
    const headers = { authorization, 'content-type': 'application/x-tar' };
    const request = { method: 'POST', headers, body: new Uint8Array(body) };
    expect((await fetch(`${url}/v1/functions`, request)).status).toBe(201);
    const path = `${url}/v1/functions/hello/invocations`;
    const answer = await fetch(path, { method: 'POST', headers: { authorization } });
    expect(await answer.text()).toBe('"hello"');
  });

  test('does not start on a folder that is not its own', async () => {
    const foreign = join(dir, 'foreign');
    await mkdir(join(foreign, 'precious'), { recursive: true });
    await expect(startProcess('gateway', gatewaySettings(foreign))).rejects.toThrow(
      "is not empty and no gateway's",
    );
    expect((await stat(join(foreign, 'precious'))).uid).toBe(0);
    await expect(startProcess('gateway', gatewaySettings(join(dir, 'worker')))).rejects.toThrow(
      'a HEARTH_DATA of its own',
    );
  });
});
