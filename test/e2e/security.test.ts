import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { deployInline } from '../support/inline-function.ts';
import { startHost, type RunningHost } from '../support/running-host.ts';

const keeperDir = fileURLToPath(new URL('functions/keeper', import.meta.url));
const token = 'correct-horse-battery-staple';
/** Tells what it finds of its secret. */
const fileKeeper = `
  import { createHash } from 'node:crypto';
  import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
  const path = '/run/secrets/token';
  const attempt = (act) => { try { act(); return 'done'; } catch ({ code }) { return code; } };
  export default {
    fetch: () => {
      const mount = readFileSync('/proc/self/mountinfo', 'utf8').split('\\n')
        .find((line) => line.includes(' /run/secrets '));
      return Response.json({
        digest: createHash('sha256').update(readFileSync(path)).digest('hex'),
        mode: (statSync(path).mode & 0o777).toString(8),
        fileSystem: mount.split(' - ')[1].split(' ')[0],
        flags: mount.split(' ')[5],
        variable: process.env.API_TOKEN ?? null,
        writing: attempt(() => writeFileSync('/run/secrets/mine', '')),
        others: readdirSync('/run/secrets'),
      });
    },
  };
`;
const digestOf = (text: string) => createHash('sha256').update(text).digest('hex');

let host: RunningHost;
beforeAll(async () => {
  host = await startHost();
});
afterAll(() => host?.[Symbol.asyncDispose]());

const setSecret = (value: string) =>
  host.hearthWithInput(`${value}\n`, 'secret', 'set', 'API_TOKEN');

describe('a secret', () => {
  test('has to be set before a function that needs it is deployed', async () => {
    const { exitCode, stderr } = await host.hearth('deploy', keeperDir);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('hearth secret set API_TOKEN');
  });

  test('is given to the function, and is nowhere else', async () => {
    expect(await setSecret(token)).toMatchObject({ exitCode: 0, stdout: 'Set API_TOKEN\n' });
    expect((await host.hearth('deploy', keeperDir)).exitCode).toBe(0);
    const answer = await host.fetch('/fn/keeper');
    expect(await answer.text()).toBe(digestOf(token));
    const logs = () => host.hearth('logs', 'keeper');
    await vi.waitFor(async () => expect((await logs()).stdout).toContain('the token is [secret]'));
    const shown = await Promise.all([
      host.hearth('inspect', 'keeper'),
      host.hearth('secret', 'ls'),
      logs(),
      host.hearth('ls', '--json'),
    ]);
    const text = shown.map(({ stdout, stderr }) => stdout + stderr).join('');
    expect(text + host.output()).not.toContain(token);
    expect(filesWith(token, host.dataDir)).toEqual([]);
  });

  test.each([
    ['a stem', 'stem', {}],
    ['nothing', 'cold', { scratch: '32Mi' }],
  ])(
    'can be a file, in memory and for reading only, where it starts from %s',
    async (_, start, settings) => {
      const name = `file-${start}`;
      await deployInline(host, name, fileKeeper, {
        ...settings,
        secrets: [{ name: 'API_TOKEN', file: 'token' }],
        triggers: { http: { auth: 'none' } },
      });
      await vi.waitFor(
        async () => {
          const answer = await host.fetch(`/fn/${name}`);
          expect(answer.headers.get('x-hearth-start')).toBe(start);
          expect(await answer.json()).toEqual({
            digest: digestOf(token),
            mode: '400',
            fileSystem: 'ramfs',
            flags: expect.stringMatching(/^ro,nosuid,nodev,noexec/) as string,
            variable: null,
            writing: 'EROFS',
            others: ['token'],
          });
        },
        { timeout: 30_000 },
      );
      expect(filesWith(token, host.dataDir)).toEqual([]);
    },
  );

  test('is not in what a caller without a key is told, nor in the log, when the function fails', async () => {
    const answer = await host.fetch('/fn/keeper/throw');
    expect(answer.status).toBe(502);
    expect(await answer.text()).not.toContain(token);
    await vi.waitFor(async () => {
      const { stdout } = await host.hearth('logs', 'keeper');
      expect(stdout).not.toContain(token);
      expect(stdout).toContain('bad token [secret]');
    });
  });

  test('that changes reaches the function without a deploy', async () => {
    const next = 'another-horse-another-battery';
    expect((await setSecret(next)).exitCode).toBe(0);
    const given = async () => await (await host.fetch('/fn/keeper')).text();
    await vi.waitFor(async () => expect(await given()).toBe(digestOf(next)), {
      timeout: 30_000,
      interval: 20,
    });
    await setSecret(token);
    await vi.waitFor(async () => expect(await given()).toBe(digestOf(token)), {
      timeout: 30_000,
      interval: 20,
    });
  });

  test('stays what it is under a new master key', async () => {
    const { stdout } = await host.hearth('secret', 'rotate-master-key');
    expect(stdout).toMatch(/^Encrypted \d+ records anew\n$/);
    expect(readFileSync(join(host.dataDir, 'master.key'), 'utf8').trim().split('\n')).toHaveLength(
      2,
    );
    await host.hearth('deploy', keeperDir);
    expect(await (await host.fetch('/fn/keeper')).text()).toBe(digestOf(token));
  });
});

describe('a key', () => {
  test('is made, allows what it says, and opens nothing once removed', async () => {
    const made = await host.hearth(
      'key',
      'create',
      'ci',
      '--allow',
      'invoke:keep*',
      '--expires',
      '1h',
    );
    expect(made.stderr).toContain('not shown again');
    const authorization = `Bearer ${made.stdout.trim()}`;
    const invoke = () =>
      host.fetch('/v1/functions/keeper/invocations', {
        method: 'POST',
        headers: { authorization },
      });
    expect((await invoke()).status).toBe(200);
    expect((await host.fetch('/v1/functions', { headers: { authorization } })).status).toBe(403);
    await host.hearth('key', 'limit', 'ci', '--rate', '1/h', '--concurrency', '5');
    expect((await host.hearth('key', 'ls')).stdout).toMatch(/^ci +invoke:keep\* +1\/h, 5 at once/m);
    expect((await invoke()).status).toBe(200);
    const tooFast = await invoke();
    expect(tooFast.status).toBe(429);
    expect(Number(tooFast.headers.get('retry-after'))).toBeGreaterThan(3_000);
    expect((await host.hearth('key', 'limit', 'ci')).stdout).toBe('ci: none\n');
    expect((await invoke()).status).toBe(200);
    expect((await host.hearth('key', 'rm', 'ci')).exitCode).toBe(0);
    expect((await invoke()).status).toBe(401);
  });

  test('leaves a trace in the audit', async () => {
    const dir = join(host.dataDir, 'audit');
    const entries = () =>
      readdirSync(dir)
        .flatMap((name) => readFileSync(join(dir, name), 'utf8').trim().split('\n'))
        .map((line) => JSON.parse(line) as object);
    const removed = { keyId: 'root', method: 'DELETE', path: '/v1/keys/ci', status: 204 };
    const refused = { keyId: 'ci', path: '/v1/functions', status: 403 };
    await vi.waitFor(() => {
      expect(entries()).toContainEqual(expect.objectContaining(removed));
      expect(entries()).toContainEqual(expect.objectContaining(refused));
    });
  });
});

test('Redis is left with nothing of root', () => {
  const servers = supervised().filter(({ command }) => command.includes('redis-server'));
  expect(servers).toHaveLength(2);
  for (const { status } of servers) {
    expect(status).toMatch(/^CapBnd:\t0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  }
});

/** The processes that the host watches over. */
function supervised() {
  const { pid } = host.process;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return children.map((child) => ({
    command: readFileSync(`/proc/${child}/cmdline`, 'utf8').replaceAll('\0', ' '),
    status: readFileSync(`/proc/${child}/status`, 'utf8'),
  }));
}

/** Files below a folder that contain a text, whatever kind they are. */
function filesWith(text: string, dir: string): string[] {
  try {
    const found = execFileSync('grep', ['-rlaF', '--devices=skip', '--', text, dir]);
    return found.toString().trim().split('\n');
  } catch (error) {
    if ((error as { status?: number }).status === 1) return [];
    throw error;
  }
}
