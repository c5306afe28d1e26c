import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { makeImageArchive } from '../support/image-archives.ts';
import { makeSignature, signatureTag } from '../support/cosign-signature.ts';
import { startDebianRegistry, type DebianRegistry } from '../support/debian-registry.ts';
import { manifestDigest } from '../support/oci-layout.ts';
import { packageOf } from '../support/package-of.ts';
import { startHost, type RunningHost } from '../support/running-host.ts';

const own = (name: string) => fileURLToPath(new URL(`images/${name}`, import.meta.url));

let host: RunningHost;
let dir: string;

/** A folder with a hearth.json for an image, deployed. */
async function deploy(name: string, image: string, more: object = {}) {
  const folder = join(dir, name);
  await mkdir(folder, { recursive: true });
  const triggers = { http: { auth: 'none' } };
  const config = { name, runtime: 'image', image, triggers, timeout: '20s', ...more };
  await writeFile(join(folder, 'hearth.json'), JSON.stringify(config));
  return await host.hearth('deploy', '--json', folder);
}

/** Another registry, where "user" has the password "secret", as the host knows. */
let registry: DebianRegistry;
const htpasswd = 'user:$2b$05$32ddoNgfY9GWcTID5yAcYOTAMsx1bs7ncLl2O921zMpiLAToQ5nPO\n';
const signing = generateKeyPairSync('ed25519');

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-images-'));
  registry = await startDebianRegistry(dir, htpasswd);
  const auth = Buffer.from('user:secret').toString('base64');
  await writeFile(join(dir, 'auth.json'), JSON.stringify({ auths: { [registry.host]: { auth } } }));
  await writeFile(join(dir, 'team.pub'), signing.publicKey.export({ type: 'spki', format: 'pem' }));
  host = await startHost({
    environment: {
      HEARTH_REGISTRY_AUTH: join(dir, 'auth.json'),
      HEARTH_BASE_IMAGES: JSON.stringify({
        node22: `${registry.host}/bases/node:1`,
        node26: `${registry.host}/signed/node:1`,
      }),
      HEARTH_IMAGE_KEYS: JSON.stringify({ '*/signed/*': [join(dir, 'team.pub')] }),
    },
  });
});
afterAll(async () => {
  await host?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

const logsOf = async (name: string, invocation?: string | null) => {
  const query = invocation ? `?invocation=${invocation}` : '';
  const response = await host.fetchWithKey(`/v1/functions/${name}/logs${query}`);
  const { entries } = (await response.json()) as { entries: { text: string }[] };
  return entries.map(({ text }) => text);
};

describe('an image with a client of the Runtime API of AWS Lambda', () => {
  const call = (path: string) => host.fetch(`/fn/lambda${path}`);

  beforeAll(async () => {
    const archive = makeImageArchive(dir, 'lambda', {
      from: `oci:${host.dataDir}/images:hearth/node24`,
      files: { '/app/client.mjs': own('client.mjs') },
      config: [
        'config.entrypoint=/usr/bin/node',
        'config.entrypoint=/app/client.mjs',
        'config.cmd=index.handler',
        'config.env=FROM_IMAGE=yes',
        'config.env=LAMBDA_TASK_ROOT=/app',
        'config.user=1234:5678',
        'config.workingdir=/app',
      ],
      format: 'docker-archive',
    });
    const { exitCode, stderr } = await deploy('lambda', `../${basename(archive)}`, {
      env: { FROM_FUNCTION: 'yes' },
    });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });

  test('gets events and answers them', async () => {
    const answer = await call('/echo?a=1');
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ rawPath: '/echo', rawQueryString: 'a=1' });
    const event = { method: 'POST', body: '{"rawPath":"/none","n":1}' };
    const invoked = await host.fetchWithKey('/v1/functions/lambda/invocations', event);
    expect(await invoked.json()).toEqual({ rawPath: '/none', n: 1 });
  });

  test('is started as it says, with what clients look for', async () => {
    expect(await (await call('/who')).json()).toEqual({ uid: 1234, gid: 5678, cwd: '/app' });
    expect(await (await call('/env')).json()).toMatchObject({
      FROM_IMAGE: 'yes',
      FROM_FUNCTION: 'yes',
      _HANDLER: 'index.handler',
      AWS_LAMBDA_FUNCTION_NAME: 'lambda',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '128',
    });
  });

  test('may stream its answer', async () => {
    const answer = await call('/stream');
    expect(answer.status).toBe(202);
    expect(answer.headers.get('x-a')).toBe('b');
    expect(await answer.text()).toBe('one\ntwo\nthree\n');
  });

  test.each([
    ['throws', '/throw', 502, 'function.error'],
    ['ends its process', '/exit', 502, 'function.crashed'],
    ['uses up its memory', '/memory', 502, 'function.out_of_memory'],
    ['answers with too much', '/large', 502, 'function.error'],
  ])('that %s is told so', async (_, path, status, reason) => {
    const answer = await call(path);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ reason });
    expect((await call('/echo')).status).toBe(200);
  });

  test('answers each invocation once, and none but its own', async () => {
    const answer = await call('/forge');
    expect(await answer.text()).toBe('first');
    // It is frozen once it has answered: what it has left to say comes with the next invocations.
    const hears = async () => {
      expect((await call('/echo')).status).toBe(200);
      expect(await logsOf('lambda')).toContain('forged: [202,400,400]');
    };
    await vi.waitFor(hears, { timeout: 20_000, interval: 100 });
  });

  test('writes what belongs to the invocation that is running', async () => {
    const answer = await call('/log?first');
    await call('/log?second');
    const lines = () => logsOf('lambda', answer.headers.get('x-hearth-invocation-id'));
    await vi.waitFor(async () => expect(await lines()).toEqual(['this is first']));
  });
});

describe('an image with a server on $PORT', () => {
  const call = (path: string, init?: RequestInit) => host.fetch(`/fn/server${path}`, init);

  beforeAll(async () => {
    const python = join(dir, 'python');
    await mkdir(python);
    await writeFile(join(python, 'main.py'), 'def handler(event, context): pass\n');
    const config = { name: 'python', runtime: 'python3', entry: 'main.py' };
    await writeFile(join(python, 'hearth.json'), JSON.stringify(config));
    await host.hearth('deploy', python); // so that there is an image with Python
    const archive = makeImageArchive(dir, 'server', {
      from: `oci:${host.dataDir}/images:hearth/python3`,
      files: { '/srv/server.py': own('server.py'), '/etc/resolv.conf': own('resolv.conf') },
      config: ['config.cmd=/usr/bin/python3', 'config.cmd=/srv/server.py', 'config.user=root'],
      format: 'oci-archive',
    });
    const { exitCode, stderr } = await deploy('server', archive, { concurrency: 20 });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });

  test('gets requests as they are, and who forwarded them', async () => {
    const answer = await call('/a/b?c=d', { method: 'POST', body: 'the body' });
    expect(await answer.json()).toMatchObject({
      body: 'the body',
      path: '/a/b?c=d',
      headers: { forwarded: expect.stringMatching(/^for=127\.0\.0\.1;host=/) as string },
    });
  });

  test('is nobody special inside, whatever it asks for', async () => {
    const view = (await (await call('/')).json()) as { uid: number; env: Record<string, string> };
    expect(view.uid).toBe(1000);
    expect(view.env).toMatchObject({ PORT: '8080', K_SERVICE: 'server' });
  });

  test('asks the host for names, whatever it was built with', async () => {
    const view = (await (await call('/')).json()) as { names: string };
    expect(view.names).toBe('nameserver 127.0.0.53\n');
  });

  test('serves many at once from one sandbox, and streams', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, async () => (await (await call('/big')).arrayBuffer()).byteLength),
    );
    expect(new Set(answers)).toEqual(new Set([40 * 65536]));
  });

  test('goes on serving the others when one caller leaves', async () => {
    await call('/');
    const waiting = call('/wait');
    const leaver = new AbortController();
    const left = call('/wait', { signal: leaver.signal });
    const underWay = async () => ((await (await call('/waiting')).json()) as number[])[0];
    await vi.waitFor(async () => expect(await underWay()).toBe(2));
    leaver.abort();
    await expect(left).rejects.toThrow();
    expect((await call('/go')).headers.get('x-hearth-start')).toMatch(/warm|thawed/);
    expect((await waiting).status).toBe(200);
  });

  test('that ends is told of, and started again for the next call', async () => {
    const answer = await call('/exit');
    expect(answer.status).toBe(502);
    expect(await answer.json()).toMatchObject({ reason: 'function.crashed' });
    await vi.waitFor(async () => expect((await call('/')).status).toBe(200), { timeout: 20_000 });
  });
});

describe('a deploy', () => {
  test('of the same image changes nothing; of one that is not there it says what to do', async () => {
    const again = JSON.parse(
      (await deploy('server', join(dir, 'server.tar'), { concurrency: 20 })).stdout,
    ) as object;
    expect(again).toMatchObject({ changed: false });
    const none = await deploy('none', 'team/none:1');
    expect(none).toMatchObject({ exitCode: 1 });
    expect(none.stderr).toContain('There is no image team/none:1 on this host');
    const file = await deploy('none', './none.tar');
    expect(file.stderr).toMatch(/none\.tar, named as the image, is not there/);
  });

  test('takes an image that was pushed to the host by its name', async () => {
    const target = `${new URL(host.url).host}/team/server:1`;
    const options = ['--quiet', '--dest-tls-verify=false', `--dest-creds=${host.key}`];
    const layout = `oci:${join(dir, 'server-layout')}:latest`;
    execFileSync('skopeo', ['copy', ...options, layout, `docker://${target}`]);
    expect(await deploy('pushed', 'team/server:1')).toMatchObject({ exitCode: 0 });
    expect((await host.fetch('/fn/pushed/')).status).toBe(200);
  });

  /** The server's image, or a signature of it, in the other registry. */
  const pushTo = (name: string, source = `oci:${join(dir, 'server-layout')}:latest`) => {
    const options = ['--quiet', '--dest-tls-verify=false', '--dest-creds=user:secret'];
    const copy = ['--insecure-policy', 'copy', '--preserve-digests', ...options];
    execFileSync('skopeo', [...copy, source, `docker://${registry.host}/${name}`]);
  };

  test("takes an image of another registry, with the host's credentials, and runs it", async () => {
    pushTo('team/server:1');
    const name = `${registry.host}/team/server:1`;
    expect(await deploy('outside', name)).toMatchObject({ exitCode: 0, stderr: '' });
    expect((await host.fetch('/fn/outside/')).status).toBe(200);
    expect(JSON.parse((await deploy('outside', name)).stdout)).toMatchObject({ changed: false });
  });

  test('tells how far the pull is, and which nodes are ready', async () => {
    pushTo('team/told:1');
    const image = `${registry.host}/team/told:1`;
    const config = JSON.stringify({ name: 'told', runtime: 'image', image });
    const answer = await host.fetchWithKey('/v1/functions', {
      method: 'POST',
      headers: { 'content-type': 'application/x-tar', accept: 'application/x-ndjson' },
      body: new Uint8Array(await packageOf({ 'hearth.json': config })),
    });
    const lines = (await answer.text()).trim().split('\n');
    const told = lines.map((line) => JSON.parse(line) as object);
    const blob = { digest: expect.stringMatching('sha256:') as string };
    expect(told).toContainEqual({ progress: { blob: expect.objectContaining(blob) as object } });
    expect(told.slice(-2)).toMatchObject([
      { progress: { nodes: { settled: 1, all: 1 } } },
      { deployed: { name: 'told', changed: true, unreadyNodes: [] } },
    ]);
  });

  test('refuses an image without the signature that the operator asks for, until it has it', async () => {
    pushTo('signed/server:1');
    const name = `${registry.host}/signed/server`;
    const refused = await deploy('signed', `${name}:1`);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain(`asks for one by ${join(dir, 'team.pub')} on "*/signed/*"`);
    expect((await host.fetch('/fn/signed/')).status).toBe(404);
    const options = ['--tls-verify=false', '--creds=user:secret'];
    const digest = await manifestDigest(`docker://${name}:1`, ...options);
    const signature = makeSignature(dir, { digest, name, key: signing.privateKey });
    pushTo(`signed/server:${signatureTag(digest)}`, signature);
    expect(await deploy('signed', `${name}:1`)).toMatchObject({ exitCode: 0, stderr: '' });
    expect((await host.fetch('/fn/signed/')).status).toBe(200);
  });

  test('of an archive that holds no image leaves everything as it was', async () => {
    await writeFile(join(dir, 'broken.tar'), Buffer.alloc(10_240, 'no tar'));
    const { exitCode, stderr } = await deploy('broken', '../broken.tar');
    expect(exitCode).toBe(1);
    expect(stderr).toContain('The archive holds no image that can be used');
  });
});

describe('a runtime that is taken from a registry', () => {
  /** The host's own Node 24, as somebody else might have pushed it. */
  const pushBase = async (name: string) => {
    const pushed = await host.hearth('image', 'push', 'hearth/node24', `${registry.host}/${name}`);
    expect(pushed.exitCode).toBe(0);
  };
  const deployOn = async (runtime: string, entry: string, content: string) => {
    const folder = join(dir, `on-${runtime}`);
    await mkdir(folder, { recursive: true });
    const config = { name: `on-${runtime}`, runtime, entry, triggers: { http: { auth: 'none' } } };
    await writeFile(join(folder, 'hearth.json'), JSON.stringify(config));
    await writeFile(join(folder, entry), content);
    return await host.hearth('deploy', folder);
  };

  const code = 'export default { fetch: () => new Response(process.version) };';

  test('runs what is there, under the bootstrap of this host', async () => {
    const early = await deployOn('node22', 'index.ts', code);
    expect(early.exitCode).toBe(1);
    expect(early.stderr).toContain(`${registry.host}/bases/node`);
    await pushBase('bases/node:1');
    expect(await deployOn('node22', 'index.ts', code)).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await (await host.fetch('/fn/on-node22')).text()).toMatch(/^v24\./);
    const { stdout } = await host.hearth('image', 'build-base', 'node22', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ built: false });
  });

  test('is refused without the signature that the operator asks for', async () => {
    await pushBase('signed/node:1');
    const { exitCode, stderr } = await deployOn('node26', 'index.ts', code);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`asks for one by ${join(dir, 'team.pub')} on "*/signed/*"`);
  });
});
