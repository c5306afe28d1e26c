import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDebianRegistry, type DebianRegistry } from '../support/debian-registry.ts';
import { makeLayout, manifestDigest } from '../support/oci-layout.ts';
import { makeDataDir, startHost, type RunningHost } from '../support/running-host.ts';

// Images come and go with stock tools: skopeo, umoci and Debian's docker-registry.
const run = promisify(execFile);
const hello = fileURLToPath(new URL('../../functions/hello', import.meta.url));

let host: RunningHost;
let dir: string;
let registry: DebianRegistry;
let creds: string;
beforeAll(async () => {
  dir = await makeDataDir();
  registry = await startDebianRegistry(dir);
  host = await startHost();
  creds = (await readFile(join(host.dataDir, 'root.key'), 'utf8')).trim();
  expect((await host.hearth('deploy', hello)).exitCode).toBe(0);
});
afterAll(async () => {
  await host?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

const at = (name: string) => `docker://${new URL(host.url).host}/${name}`;
const skopeo = (...args: readonly string[]) => run('skopeo', ['--insecure-policy', ...args]);

interface Image {
  readonly name: string;
  readonly digest: string;
}
async function images(): Promise<readonly Image[]> {
  const { stdout } = await host.hearth('image', 'ls', '--json');
  return (JSON.parse(stdout) as { images: readonly Image[] }).images;
}

describe('images', () => {
  test('of deployed versions are pulled with skopeo and unpacked with umoci', async () => {
    const layout = join(dir, 'pulled');
    const copy = ['copy', '--src-tls-verify=false', `--src-creds=${creds}`];
    await skopeo(...copy, at('functions/hello:1'), `oci:${layout}:hello`);
    const version = (await images()).find(({ name }) => name === 'functions/hello:1');
    const options = ['--tls-verify=false', `--creds=${creds}`];
    expect(await manifestDigest(at('functions/hello:1'), ...options)).toBe(version?.digest);
    await run('umoci', ['unpack', '--image', `${layout}:hello`, join(dir, 'bundle')]);
    const code = await readFile(join(dir, 'bundle/rootfs/var/task/index.mjs'), 'utf8');
    expect(code).toContain('Hello');
  });

  test('are pushed with skopeo, listed, described and removed', async () => {
    const image = makeLayout(dir, { '/hello': 'from skopeo' });
    const copy = ['copy', '--dest-tls-verify=false', `--dest-creds=${creds}`];
    await skopeo(...copy, image, at('team/app:1'));
    const { stdout } = await host.hearth('image', 'inspect', 'team/app:1');
    expect(JSON.parse(stdout)).toMatchObject({
      name: 'team/app:1',
      digest: await manifestDigest(image),
      layers: 1,
    });
    expect((await host.hearth('image', 'rm', 'team/app:1')).exitCode).toBe(0);
    expect((await images()).map(({ name }) => name)).not.toContain('team/app:1');
    const gone = await host.hearth('image', 'inspect', 'team/app:1');
    expect(gone).toMatchObject({ exitCode: 1 });
    expect(gone.stderr).toContain('There is no image team/app:1 on this host');
    const refused = await host.hearth('image', 'rm', 'functions/hello:1');
    expect(refused.stderr).toContain("the host's own");
  });

  test('go to a registry and come back from it', async () => {
    const target = `${registry.host}/copies/hello:one`;
    const pushed = await host.hearth('image', 'push', 'functions/hello:1', target);
    expect(pushed).toMatchObject({ exitCode: 0, stderr: '' });
    const digest = await manifestDigest(`docker://${target}`, '--tls-verify=false');
    expect(pushed.stdout).toContain(digest);
    const pulled = await host.hearth('image', 'pull', target, '--json');
    expect(JSON.parse(pulled.stdout)).toEqual({ name: target, digest });
    expect(await images()).toContainEqual(expect.objectContaining({ name: target, digest }));
    const none = await host.hearth('image', 'pull', `${registry.host}/copies/none:1`);
    expect(none).toMatchObject({ exitCode: 1 });
    expect(none.stderr).toContain('There is no image');
  });

  test('that are needed stay when garbage is collected', async () => {
    const dry = await host.hearth('image', 'gc', '--dry-run');
    expect(dry.stdout).toMatch(/^Would remove 0 names, \d+ blobs/m);
    expect((await host.hearth('image', 'gc')).exitCode).toBe(0);
    const { digest } = (await images()).find(({ name }) => name === 'functions/hello:1')!;
    const content = await readFile(join(host.dataDir, 'images/blobs', digest.replace(':', '/')));
    expect(`sha256:${createHash('sha256').update(content).digest('hex')}`).toBe(digest);
    expect(await (await host.fetch('/fn/hello?name=Ada')).text()).toBe('Hello, Ada!');
  });
});
