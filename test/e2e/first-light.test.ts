import { readlinkSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { SandboxView } from '../../src/domain/sandbox-view.ts';
import { deployInline } from '../support/inline-function.ts';
import { startHost, type RunningHost } from '../support/running-host.ts';

const probeDir = fileURLToPath(new URL('functions/probe', import.meta.url));

let host: RunningHost;
beforeAll(async () => {
  host = await startHost();
  const { exitCode, stderr } = await host.hearth('deploy', probeDir);
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
});
afterAll(() => host?.[Symbol.asyncDispose]());

const probe = (path: string, init?: RequestInit) => host.fetch(`/fn/probe${path}`, init);

interface View {
  readonly namespaces: Record<string, string>;
  readonly uid: number;
  readonly uidMap: string[];
  readonly capabilities: string[];
  readonly noNewPrivs: string;
  readonly seccomp: string;
  readonly interfaces: string[];
  readonly processes: number;
  readonly mounts: [path: string, type: string, options: string][];
  readonly environment: string[];
  readonly descriptors: string[];
}

describe('a request', () => {
  test('reaches the function whole, and its answer comes back whole', async () => {
    const body = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 256));
    const answer = await probe('/echo?a=1&b=%2F', {
      method: 'PUT',
      headers: { 'x-header': 'value', 'content-type': 'application/x-mine' },
      body,
    });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('x-method')).toBe('PUT');
    expect(answer.headers.get('x-url')).toBe('/echo?a=1&b=%2F');
    expect(answer.headers.get('x-header')).toBe('value');
    expect(answer.headers.get('content-type')).toBe('application/x-mine');
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(body);
  });

  test('that is too large for the queue is fetched over the direct connection', async () => {
    const body = Buffer.alloc(5 * 1024 * 1024, 'large');
    const answer = await probe('/echo', { method: 'POST', body });
    expect(Buffer.from(await answer.arrayBuffer()).equals(body)).toBe(true);
  });

  test('is told how it was served', async () => {
    await probe('/count');
    const answer = await probe('/count');
    expect(answer.headers.get('x-hearth-invocation-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.headers.get('x-hearth-start')).toMatch(/^(warm|thawed)$/);
    expect(answer.headers.get('server-timing')).toMatch(/queue;dur=[\d.]+, lease;dur=.*run;dur=/);
  });

  test('finds the sandbox of the last one warm', async () => {
    const first = Number(await (await probe('/count')).text());
    expect(Number(await (await probe('/count')).text())).toBe(first + 1);
  });

  test('runs beside others, each in a sandbox of its own', async () => {
    const views = await Promise.all(
      Array.from({ length: 4 }, async () => (await (await probe('/view')).json()) as View),
    );
    for (const { processes } of views) expect(processes).toBeLessThanOrEqual(2);
  });
});

describe('a sandbox', () => {
  let view: View;
  beforeAll(async () => {
    view = (await (await probe('/view')).json()) as View;
  });

  test('has namespaces of its own, every kind', () => {
    for (const [kind, inside] of Object.entries(view.namespaces)) {
      expect(inside).not.toBe(readlinkSync(`/proc/self/ns/${kind}`));
    }
    expect(Object.keys(view.namespaces)).toHaveLength(7);
  });

  test('runs as nobody of the host, without rights and without a way to gain any', () => {
    expect(view.uid).toBe(1000);
    expect(Number(view.uidMap[1])).toBeGreaterThanOrEqual(0x70000000);
    expect(view.capabilities).toEqual(Array.from({ length: 5 }, () => '0'.repeat(16)));
    expect(view.noNewPrivs).toBe('1');
    expect(view.seccomp).toBe('2');
  });

  test('has a loopback interface and no other', () => {
    expect(view.interfaces).toEqual(['lo']);
  });

  test('has a read-only overlay for a root, and a scratch volume', async () => {
    const mount = (path: string) => view.mounts.find(([mounted]) => mounted === path);
    expect(mount('/')?.[1]).toBe('overlay');
    expect(mount('/')?.[2].split(',')).toContain('ro');
    expect(mount('/tmp')?.[1]).toBe('tmpfs');
    for (const [path, , options] of view.mounts.filter(([path]) => path.startsWith('/var'))) {
      expect([path, options.split(',')]).toEqual([
        path,
        expect.arrayContaining(['ro', 'nosuid', 'nodev']),
      ]);
    }
    expect((await probe('/write-root')).status).toBe(502);
    expect((await probe('/write-task')).status).toBe(502);
    expect(await (await probe('/write-scratch')).text()).toBe('written');
  });

  test('knows nothing of the environment and the descriptors of the host', () => {
    expect(view.environment).toContain('GREETING');
    expect(view.environment.filter((name) => name.startsWith('HEARTH_'))).toEqual([]);
    const open = view.descriptors.filter(
      (path) => path.startsWith('/') && !path.startsWith('/dev/'),
    );
    expect(open.filter((path) => !path.startsWith('/proc/'))).toEqual([]);
  });

  test('gets the variables of hearth.json and can start processes', async () => {
    expect(await (await probe('/env')).text()).toBe('from hearth.json');
    expect(await (await probe('/spawn')).text()).toBe('42\n');
  });
});

describe('a sandbox is made', () => {
  const start = (answer: Response) => answer.headers.get('x-hearth-start');

  test('from a stem that has booted ahead, and a new stem takes its place', async () => {
    let deployed = 0;
    for (let round = 0; round < 6; round++) {
      const name = await vi.waitFor(async () => {
        const next = await deployInline(
          host,
          `stem-${(deployed += 1)}`,
          `export const handler = () => ${deployed};`,
        );
        const answer = await invoke(next);
        expect(await answer.json()).toBe(deployed);
        expect(start(answer)).toBe('stem'); // or the next one is still booting: once more
        return next;
      });
      expect(start(await invoke(name))).toMatch(/^(warm|thawed)$/);
    }
  });

  test('from nothing where the function wants another scratch volume than stems have', async () => {
    await deployInline(host, 'scratchy', 'export const handler = () => 1;', { scratch: '8Mi' });
    expect(start(await invoke('scratchy'))).toBe('cold');
  });

  test('anew for every invocation where that is promised', async () => {
    const source = 'let served = 0; export const handler = () => (served += 1);';
    await deployInline(host, 'fresh', source, { isolation: 'invocation' });
    for (let i = 0; i < 3; i++) {
      const answer = await invoke('fresh');
      expect(start(answer)).toMatch(/^(stem|cold)$/);
      expect(await answer.json()).toBe(1);
    }
  });

  test('with the limits of its function, whatever the stem had', async () => {
    const source = 'export const handler = ({ mib }) => Buffer.alloc(mib << 20, 1).length;';
    await deployInline(host, 'small', source, { memory: '64Mi' });
    await deployInline(host, 'large', source, { memory: '512Mi' });
    const body = JSON.stringify({ mib: 200 });
    expect((await invoke('small', body)).headers.get('x-hearth-error')).toBe(
      'function.out_of_memory',
    );
    expect((await invoke('large', body)).status).toBe(200);
  });
});

test('what a handler left running stands still while nobody calls', async () => {
  const source = `
    let last = Date.now();
    let longest = 0;
    const tick = () => {
      const now = Date.now();
      longest = Math.max(longest, now - last);
      last = now;
    };
    setInterval(tick, 5);
    export const handler = () => { tick(); return longest; };`;
  await deployInline(host, 'ticking', source);
  await invoke('ticking');
  await vi.waitFor(async () => {
    const sandbox = (await sandboxes()).find(({ functionName }) => functionName === 'ticking');
    expect(sandbox?.state).toBe('frozen');
  });
  const frozenAt = Date.now();
  await deployInline(host, 'meanwhile', 'export const handler = () => 1;'); // a second or so
  const callAt = Date.now();
  const answer = await invoke('ticking');
  expect(answer.headers.get('x-hearth-start')).toBe('thawed');
  expect(Number(await answer.text())).toBeGreaterThanOrEqual(callAt - frozenAt);
});

describe('a function that fails', () => {
  const failures = [
    ['/throw', 502, 'function.error'],
    ['/uncaught', 502, 'function.error'],
    ['/exit', 502, 'function.crashed'],
    ['/eat', 502, 'function.out_of_memory'],
    ['/spin', 504, 'timeout.run'],
    ['/never', 504, 'timeout.run'],
  ] as const;

  test.each(failures)('with %s is answered %i %s, and the next call works', async (...failure) => {
    const [path, status, reason] = failure;
    const before = await self(); // the most recently used sandbox, which the next call gets too
    const answer = await probe(path);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('x-hearth-error')).toBe(reason);
    const id = answer.headers.get('x-hearth-invocation-id');
    expect(await answer.json()).toMatchObject({ reason, invocationId: id });
    const after = await self();
    if (path === '/throw') expect(after).toBe(before);
    else expect(after).not.toBe(before);
  });

  test('shows its error to a caller with a key, not to the public', async () => {
    const event = { method: 'POST', body: '{}' };
    const broken = await deployInline(
      host,
      'broken',
      'export const handler = () => { throw new RangeError("why") };',
    );
    const known = await host.fetchWithKey(`/v1/functions/${broken}/invocations`, event);
    expect(known.status).toBe(502);
    expect(JSON.stringify(await known.json())).toContain('why');
    expect(await (await probe('/throw')).text()).not.toContain('on purpose');
  });
});

describe('bad input', () => {
  test('is answered with what is wrong', async () => {
    const unknown = await host.fetch('/fn/no-such-function');
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({ code: 'not_found' });
    const malformed = await host.fetchWithKey('/v1/functions/probe/invocations', {
      method: 'POST',
      body: '{"a":',
    });
    expect(malformed.status).toBe(400);
    const large = await host.fetchWithKey('/v1/functions/probe/invocations', {
      method: 'POST',
      body: Buffer.alloc(6 * 1024 * 1024 + 1),
    });
    expect(large.status).toBe(413);
    expect(await large.json()).toMatchObject({ code: 'too_large' });
  });

  test('without a key goes nowhere', async () => {
    for (const path of ['/v1/functions', '/v1/functions/probe', '/v1/functions/probe/logs']) {
      expect((await host.fetch(path)).status).toBe(401);
    }
    const invoke = await host.fetch('/v1/functions/probe/invocations', { method: 'POST' });
    expect(invoke.status).toBe(401);
  });

  test('to a deploy is told by file and line, and nothing is deployed', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'hearth-bad-'));
    await writeFile(join(dir, 'hearth.json'), '{ "name": "bad", "entry": "index.ts" }');
    await writeFile(join(dir, 'index.ts'), 'export default {\n  fetch( { return 1 }\n};\n');
    const deployed = await host.hearth('deploy', dir);
    await rm(dir, { recursive: true });
    expect(deployed.exitCode).toBe(1);
    expect(deployed.stderr).toMatch(/index\.ts:2:\d+/);
    expect((await host.fetchWithKey('/v1/functions/bad')).status).toBe(404);
  });
});

describe('the command', () => {
  test('invokes with an event', async () => {
    await deployInline(
      host,
      'adder',
      'export const handler = async ({ a, b }) => ({ sum: a + b });',
    );
    const { stdout, exitCode } = await host.hearth('invoke', 'adder', '-d', '{"a": 2, "b": 40}');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ sum: 42 });
  });

  test('says so when nothing has changed, and counts versions when something has', async () => {
    await deployInline(host, 'counted', 'export const handler = () => 1;');
    const second = await host.fetchWithKey('/v1/functions/counted');
    await deployInline(host, 'counted', 'export const handler = () => 1;');
    const third = await host.fetchWithKey('/v1/functions/counted');
    expect(await third.json()).toEqual(await second.json());
    await deployInline(host, 'counted', 'export const handler = () => 2;');
    const { stdout } = await host.hearth('invoke', 'counted');
    expect(stdout.trim()).toBe('2');
  });

  test('moves traffic between versions, back, and to those that have a name', async () => {
    const answer = async () => (await host.hearth('invoke', 'moved')).stdout.trim();
    await deployInline(host, 'moved', 'export const handler = () => 1;');
    await deployInline(host, 'moved', 'export const handler = () => 2;');
    expect(await answer()).toBe('2');
    expect((await host.hearth('rollback', 'moved')).stdout).toMatch(/^1 +100 %/m);
    expect(await answer()).toBe('1');
    expect((await host.hearth('traffic', 'moved', '2=99', '1=1')).stdout).toMatch(/^2 +99 %/m);
    expect((await host.hearth('alias', 'set', 'moved', 'old', '1')).stdout).toMatch(/ old /);
    const old = '/v1/functions/moved/invocations?qualifier=old';
    expect(await (await host.fetchWithKey(old, { method: 'POST' })).text()).toBe('1');
    const { exitCode, stderr } = await host.hearth('rollback', 'moved', '9');
    expect(exitCode).toBe(1);
    expect(stderr).toContain('has no version "9"');
  });

  test('lists and shows functions', async () => {
    const { stdout } = await host.hearth('ls');
    expect(stdout).toMatch(/probe\s+.*node24/);
    const listed = await host.hearth('ls', '--json');
    expect(JSON.stringify(JSON.parse(listed.stdout))).toContain('"probe"');
    expect((await host.hearth('inspect', 'probe')).stdout).toContain('sha256:');
  });

  test('prints what an invocation wrote', async () => {
    const answer = await probe('/log?text=one-line');
    const id = answer.headers.get('x-hearth-invocation-id') ?? '';
    await vi.waitFor(async () => {
      const { stdout } = await host.hearth('logs', 'probe', '--invocation', id);
      expect(stdout).toContain('one-line');
      expect(stdout).toContain('and an error');
    }, 10_000);
    const other = await probe('/log?text=another');
    expect(other.headers.get('x-hearth-invocation-id')).not.toBe(id);
    expect((await host.hearth('logs', 'probe', '--invocation', id)).stdout).not.toContain(
      'another',
    );
  });

  test('prints also what was written right before the end', async () => {
    const answer = await probe('/last-words');
    expect(answer.status).toBe(504);
    const id = answer.headers.get('x-hearth-invocation-id') ?? '';
    await vi.waitFor(async () => {
      expect((await host.hearth('logs', 'probe', '--invocation', id)).stdout).toContain(
        'last words',
      );
    }, 10_000);
  });

  test('prints up to 1 MiB of an invocation, and says when there was more', async () => {
    const answer = await probe('/flood');
    expect(await answer.text()).toBe('flooded');
    const id = answer.headers.get('x-hearth-invocation-id') ?? '';
    await vi.waitFor(async () => {
      const all = ['logs', 'probe', '--limit', '10000', '--invocation', id];
      const { stdout } = await host.hearth(...all);
      expect(stdout).toContain('output over 1048576 bytes is not kept');
      expect(stdout.length).toBeLessThan(1.2 * 1024 * 1024);
    }, 10_000);
  });

  test('removes a function, and then there is none', async () => {
    await deployInline(host, 'short-lived', 'export const handler = () => 1;');
    expect((await host.hearth('rm', 'short-lived')).exitCode).toBe(0);
    expect((await host.fetchWithKey('/v1/functions/short-lived')).status).toBe(404);
    const again = await host.hearth('rm', 'short-lived');
    expect(again.exitCode).toBe(1);
    expect(again.stderr).toContain('short-lived');
  });

  test('says what to do when it is used wrongly or nothing answers', async () => {
    expect((await host.hearth('no-such-command')).exitCode).toBe(2);
    expect((await host.hearth('deploy')).exitCode).toBe(2);
    expect((await host.hearth('invoke', 'probe', '-d', '{')).exitCode).not.toBe(0);
  });
});

function invoke(name: string, body = '{}'): Promise<Response> {
  return host.fetchWithKey(`/v1/functions/${name}/invocations`, { method: 'POST', body });
}

async function sandboxes(): Promise<readonly SandboxView[]> {
  const answer = await host.fetchWithKey('/v1/sandboxes');
  return ((await answer.json()) as { sandboxes: SandboxView[] }).sandboxes;
}

/** Which sandbox answers. */
async function self(): Promise<string> {
  const answer = await probe('/self');
  expect(answer.status).toBe(200);
  return await answer.text();
}
