import { createHash } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { loopDevices } from '../../src/linux/index.ts';
import { startHost, type CommandResult, type RunningHost } from '../support/running-host.ts';
import { traces } from '../support/traces.ts';

const archivist = fileURLToPath(new URL('functions/archivist', import.meta.url));
const MiB = 1024 * 1024;

let host: RunningHost;
let work: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'hearth-volumes-'));
  host = await startHost({ environment: { HEARTH_VOLUME_DIR: join(work, 'operator') } });
});
afterAll(async () => {
  await host[Symbol.asyncDispose]();
  await rm(work, { recursive: true, force: true });
});

describe('data in a volume', () => {
  test('outlives sandboxes and versions, and is the same for every sandbox', async () => {
    await good('volume', 'create', 'data', '--size', '64Mi');
    await deploy('keeper', [{ name: 'data', mount: '/data' }], { isolation: 'invocation' });
    expect(await call('keeper', { act: 'write', path: '/data/a', text: 'kept' })).toBe('written');
    expect(await call('keeper', { act: 'read', path: '/data/a' })).toBe('kept');
    await deploy('keeper', [{ name: 'data', mount: '/srv/deep/er' }]);
    expect(await call('keeper', { act: 'read', path: '/srv/deep/er/a' })).toBe('kept');
    expect(await call('keeper', { act: 'owner', path: '/srv/deep/er/a' })).toBe(1000);
    expect(await call('keeper', { act: 'append', path: '/srv/deep/er/a', text: '!' })).toBe(
      'appended',
    );
  });

  test('is shared by functions at the same time', async () => {
    await deploy('reader', [{ name: 'data', mount: '/mnt/shared', readOnly: true }]);
    expect(await call('reader', { act: 'read', path: '/mnt/shared/a' })).toBe('kept!');
    await call('keeper', { act: 'write', path: '/srv/deep/er/b', text: 'new' });
    expect(await call('reader', { act: 'read', path: '/mnt/shared/b' })).toBe('new');
    expect(await failure('reader', { act: 'write', path: '/mnt/shared/c' })).toContain('EROFS');
  });

  test('ends at its size, inside, and takes no more of the host', async () => {
    const wish = { act: 'fill', path: '/srv/deep/er/full' };
    const filled = (await call('keeper', wish)) as { code: string; bytes: number };
    expect(filled.code).toBe('ENOSPC');
    expect(filled.bytes).toBeGreaterThan(32 * MiB);
    expect(filled.bytes).toBeLessThan(64 * MiB);
    expect((await inspect('data')).usedBytes).toBeLessThanOrEqual(64 * MiB);
    expect(await call('keeper', { act: 'remove', path: wish.path })).toBe('removed');
  });

  test('is reached by a mount that gives no rights', async () => {
    const mounts = String(await call('reader', { act: 'mounts', path: '' }));
    const line = mounts.split('\n').find((mount) => mount.includes(' /mnt/shared '));
    expect(line?.split(' ')[3]?.split(',')).toEqual(
      expect.arrayContaining(['ro', 'nosuid', 'nodev']),
    );
  });
});

describe('a single writer', () => {
  const mount = { name: 'ledger', mount: '/data', access: 'single' };

  test('shuts others out while it runs, and gives way once it is idle', async () => {
    await good('volume', 'create', 'ledger', '--size', '32Mi');
    await deploy('first', [mount]);
    await deploy('second', [mount]);
    expect(await call('first', { act: 'write', path: '/data/a', text: 'first' })).toBe('written');
    const holding = call('first', { act: 'hold', ms: 1500, path: '' });
    expect(await call('second', { act: 'read', path: '/data/a' })).toBe('first');
    expect(await holding).toBe('held');
    const { holders } = await inspect('ledger');
    expect(holders).toEqual([expect.objectContaining({ mode: 'single' })]);
    expect(await call('first', { act: 'read', path: '/data/a' })).toBe('first');
  });

  test('is one sandbox however many call', async () => {
    const calls = Array.from({ length: 8 }, (_, i) =>
      call('first', { act: 'append', path: '/data/log', text: `${i}` }),
    );
    await Promise.all(calls);
    expect(String(await call('first', { act: 'read', path: '/data/log' }))).toHaveLength(8);
  });
});

describe('a scratch volume larger than the memory', () => {
  test('is on the disk, ends at its size, inside, and is empty for the next invocation', async () => {
    await deploy('sorter', [], { scratch: '192Mi', scaling: { max: 1 } });
    const filled = (await call('sorter', { act: 'fill', path: '/tmp/full' })) as {
      code: string;
      bytes: number;
    };
    expect(filled.code).toBe('ENOSPC');
    expect(filled.bytes).toBeGreaterThan(128 * MiB);
    expect(filled.bytes).toBeLessThan(192 * MiB);
    const next = await invoke('sorter', { act: 'read', path: '/tmp/full' });
    expect(next.headers.get('x-hearth-start')).not.toBe('cold'); // the same sandbox
    expect(await next.text()).toContain('ENOENT');
    expect(await scratchDisks()).toHaveLength(1);
  });

  test('is refused where the disk has no room for all of it', async () => {
    await deploy('hoarder', [], { scratch: '1Ti' });
    const answer = await invoke('hoarder', { act: 'mounts', path: '' });
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ reason: 'scratch.no_room' });
  });
});

describe('management', () => {
  test('snapshots what is in use, and restores it', async () => {
    await call('keeper', { act: 'write', path: '/srv/deep/er/s', text: 'before' });
    await good('volume', 'snapshot', 'data', 'monday');
    await call('keeper', { act: 'write', path: '/srv/deep/er/s', text: 'after' });
    const again = await host.hearth('volume', 'snapshot', 'data', 'monday');
    expect(again.stderr).toContain('already');
    await good('volume', 'restore', 'data', 'monday');
    expect(await call('keeper', { act: 'read', path: '/srv/deep/er/s' })).toBe('before');
    const shown = await good('volume', 'inspect', 'data');
    expect(JSON.parse(shown)).toMatchObject({ snapshots: [{ name: 'monday' }] });
    await good('volume', 'snapshot', 'data', 'monday', '--rm');
    expect((await inspect('data')).snapshots).toEqual([]);
  });

  test('exports and imports a tar', async () => {
    const file = join(work, 'data.tar');
    await good('volume', 'export', 'data', file);
    await good('volume', 'create', 'copy', '--size', '32Mi');
    await good('volume', 'import', 'copy', file);
    await deploy('copied', [{ name: 'copy', mount: '/data' }], { timeout: '10m' });
    expect(await call('copied', { act: 'read', path: '/data/a' })).toBe('kept!');
    expect(await call('copied', { act: 'append', path: '/data/a', text: '?' })).toBe('appended');
    expect(await call('copied', { act: 'read', path: '/data/a' })).toBe('kept!?');
  });

  test('leaves a volume as it was when a tar is bad', async () => {
    const file = join(work, 'bad.tar');
    await writeFile(file, 'this is no tar, but it is long enough to be read as one'.repeat(100));
    const { exitCode, stderr } = await host.hearth('volume', 'import', 'copy', file);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining('tar') });
    expect(await call('copied', { act: 'read', path: '/data/a' })).toBe('kept!?');
  });

  test('refuses to remove what is used, unless forced', async () => {
    const refused = await host.hearth('volume', 'rm', 'copy');
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('copied');
    const holding = host.fetchWithKey('/v1/functions/copied/invocations', {
      method: 'POST',
      body: JSON.stringify({ act: 'hold', ms: 590_000 }), // until it is destroyed
    });
    await vi.waitFor(async () => {
      expect((await inspect('copy')).holders).toHaveLength(1);
    }, 10_000);
    await good('volume', 'rm', 'copy', '--force');
    expect((await holding).status).toBe(502);
    expect((await host.fetchWithKey('/v1/volumes/copy')).status).toBe(404);
    const answer = await invoke('copied', { act: 'mounts', path: '' });
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ reason: 'volume.not_found' });
  });

  test('lists, and says what is wrong', async () => {
    const { volumes } = JSON.parse(await good('volume', 'ls', '--json')) as {
      volumes: { name: string }[];
    };
    expect(volumes.map(({ name }) => name)).toEqual(['data', 'ledger']);
    expect(await good('volume', 'ls')).toMatch(/data\s+local\s+64\.0 MiB/);
    const refused = await host.hearth('volume', 'create', 'data', '--size', '32Mi');
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('already') });
    for (const [name, size, words] of [
      ['large', '16Ti', 'free on the node'],
      ['tiny', '1Mi', 'between 16Mi'],
      ['Bad_Name', '32Mi', 'a-z'],
      ['odd', 'much', 'not a size'],
    ] as const) {
      const answer = await host.fetchWithKey('/v1/volumes', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ name, size }),
      });
      expect(answer.status).toBe(400);
      expect(await answer.text()).toContain(words);
    }
  });

  test('lets no function be deployed whose volume is not there, and says what makes it', async () => {
    const refused = await attempt('early', [{ name: 'later', mount: '/data' }]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('hearth volume create later --size 1Gi');
    await good('volume', 'create', 'later', '--size', '16Mi');
    await deploy('early', [{ name: 'later', mount: '/data' }]);
    await good('rm', 'early');
    await good('volume', 'rm', 'later');
  });

  test("keeps volumes in the operator's folder too", async () => {
    await good('volume', 'create', 'nfs', '--driver', 'dir');
    await deploy('nfs', [{ name: 'nfs', mount: '/data' }], { isolation: 'invocation' });
    expect(await call('nfs', { act: 'write', path: '/data/a', text: 'theirs' })).toBe('written');
    expect(await call('nfs', { act: 'read', path: '/data/a' })).toBe('theirs');
    expect(await readFile(join(work, 'operator/nfs/data/a'), 'utf8')).toBe('theirs');
  });
});

describe('a worker that is killed', () => {
  test('in the middle of writing loses nothing that was safe on the disk', async () => {
    const worker = () =>
      traces(host.dataDir).processes.find((line) => line.includes('main.ts worker'));
    const file = '/srv/deep/er/record';
    const interrupted = invoke('keeper', { act: 'record', path: file }).catch(() => undefined);
    const image = join(host.dataDir, 'volumes/data/image.ext4');
    await vi.waitFor(async () => {
      expect(String(await call('reader', { act: 'read', path: '/mnt/shared/record' }))).toContain(
        '00000100',
      );
    }, 20_000);
    expect((await loopDevices()).filter(({ backingFile }) => backingFile === image)).toHaveLength(
      1,
    );
    process.kill(Number(worker()?.split(' ')[0]), 'SIGKILL');
    await interrupted;
    await vi.waitFor(
      async () =>
        expect(await call('reader', { act: 'read', path: '/mnt/shared/a' })).toBe('kept!'),
      { timeout: 60_000, interval: 200 },
    );
    // A worker that was away for long is known again a moment after it serves.
    const again = (...of: Parameters<typeof call>) => vi.waitFor(() => call(...of));
    const record = await again('reader', { act: 'read', path: '/mnt/shared/record' });
    const lines = String(record).split('\n');
    expect(lines.length).toBeGreaterThan(100);
    for (const [i, line] of lines.slice(0, -1).entries()) {
      const number = String(i).padStart(8, '0');
      expect(line).toBe(`${number} ${createHash('sha256').update(number).digest('hex')}`);
    }
    const write = { act: 'write', path: '/srv/deep/er/a', text: 'again' };
    expect(await again('keeper', write)).toBe('written');
    expect(await scratchDisks()).toEqual([]); // those of its sandboxes
    expect((await loopDevices()).filter(({ backingFile }) => backingFile === image)).toHaveLength(
      1,
    );
  });

  test('keeps no loop device once the host has stopped', async () => {
    const { dataDir } = host;
    expect(await host.interrupt()).toBe(0);
    await vi.waitFor(async () => {
      const ours = (await loopDevices()).filter(({ backingFile }) =>
        backingFile.startsWith(dataDir),
      );
      expect(ours).toEqual([]);
    }, 10_000);
    expect(await readdir(join(dataDir, 'volumes'))).toEqual(['data', 'ledger']);
  });
});

async function good(...args: readonly string[]): Promise<string> {
  const { exitCode, stderr, stdout }: CommandResult = await host.hearth(...args);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return stdout;
}

/** Those that sandboxes of this host have now. */
async function scratchDisks() {
  const dir = join(host.dataDir, 'scratch');
  return (await loopDevices()).filter(({ backingFile }) => backingFile.startsWith(`${dir}/`));
}

async function inspect(name: string) {
  return (await (await host.fetchWithKey(`/v1/volumes/${name}`)).json()) as {
    readonly usedBytes: number;
    readonly holders: readonly { readonly mode: string }[];
    readonly snapshots: readonly { readonly name: string }[];
  };
}

/** The function in functions/archivist under another name, with these volumes. */
async function deploy(name: string, volumes: readonly object[], settings = {}): Promise<void> {
  const { exitCode, stderr } = await attempt(name, volumes, settings);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
}

async function attempt(name: string, volumes: readonly object[], settings = {}) {
  const dir = join(work, name);
  await cp(archivist, dir, { recursive: true });
  await writeFile(
    join(dir, 'hearth.json'),
    JSON.stringify({ name, entry: 'index.ts', volumes, ...settings }),
  );
  return await host.hearth('deploy', dir);
}

interface Wish {
  readonly act: string;
  readonly path: string;
  readonly text?: string;
  readonly ms?: number;
}

function invoke(name: string, wish: Wish): Promise<Response> {
  return host.fetchWithKey(`/v1/functions/${name}/invocations`, {
    method: 'POST',
    body: JSON.stringify(wish),
  });
}

async function call(name: string, wish: Wish): Promise<unknown> {
  const answer = await invoke(name, wish);
  const text = await answer.text();
  expect({ status: answer.status, text }).toEqual({ status: 200, text });
  return JSON.parse(text);
}

async function failure(name: string, wish: Wish): Promise<string> {
  const answer = await invoke(name, wish);
  expect(answer.status).toBe(502);
  return await answer.text();
}
