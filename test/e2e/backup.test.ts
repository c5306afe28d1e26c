import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { postInline } from '../support/inline-function.ts';
import { makeDataDir, startHost, type RunningHost } from '../support/running-host.ts';

let dir: string;
let host: RunningHost;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-backup-'));
  host = await startHost();
});
afterAll(async () => {
  await host?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

const file = () => join(dir, 'backup.tar');
const source = (version: number) =>
  `export default { fetch: (request, env) => new Response('${version} ' + env.TOKEN) };`;
const settings = { triggers: { http: { auth: 'none' } }, secrets: ['TOKEN'] };

/** Over HTTP what this test is not about: a command takes a second where the machine is busy. */
async function send(to: RunningHost, method: string, path: string, body?: object) {
  const headers = { 'content-type': 'application/json' };
  const content = body ? { headers, body: JSON.stringify(body) } : {};
  const answer = await to.fetchWithKey(path, { method, ...content });
  expect(answer.ok).toBe(true);
  return answer;
}

test('a host that is backed up lives on in an empty one, with its secrets and keys', async () => {
  await send(host, 'PUT', '/v1/secrets/TOKEN', { value: 'hush' });
  await postInline(host, 'kept', source(1), settings);
  await postInline(host, 'kept', source(2), settings);
  const made = await send(host, 'POST', '/v1/keys', { id: 'caller', scopes: [{ action: 'read' }] });
  const { secret } = (await made.json()) as { readonly secret: string };
  expect(await host.hearth('backup', file())).toMatchObject({ exitCode: 0 });
  expect((await stat(file())).mode & 0o777).toBe(0o600);

  expect((await host.hearth('restore', join(dir, 'none.tar'))).stderr).toContain('no such file');
  expect(await host.hearth('restore', file())).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('has secrets, keys, functions already'),
  });

  const dataDir = await makeDataDir();
  await copyFile(join(host.dataDir, 'master.key'), join(dataDir, 'master.key'));
  await using restored = await startHost({ dataDir });
  expect((await restored.hearth('restore', file())).stdout).toContain(
    'Restored 1 functions (2 versions), 1 secrets, 1 keys',
  );
  expect(await (await restored.fetch('/fn/kept')).text()).toBe('2 hush');
  await send(restored, 'POST', '/v1/functions/kept/rollback');
  expect(await (await restored.fetch('/fn/kept')).text()).toBe('1 hush');
  const authorization = `Bearer caller:${secret}`;
  const listed = await restored.fetch('/v1/functions', { headers: { authorization } });
  expect(listed.status).toBe(200);
});

test('a backup is of no use to a host without its master key, and leaves nothing there', async () => {
  await using other = await startHost();
  const { exitCode, stderr } = await other.hearth('restore', file());
  expect(exitCode).toBe(1);
  expect(stderr).toContain('master.key');
  const listed = await other.fetchWithKey('/v1/functions');
  expect(await listed.text()).not.toContain('kept');
});
