import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { makeDataDir, startHost, type RunningHost } from '../support/running-host.ts';
import { traces } from '../support/traces.ts';

const probeDir = fileURLToPath(new URL('functions/probe', import.meta.url));

let dataDir: string;
beforeEach(async () => {
  dataDir = await makeDataDir();
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

async function hostWithSandbox(): Promise<RunningHost> {
  await using undo = new AsyncDisposableStack();
  const host = undo.use(await startHost({ dataDir }));
  await host.hearth('deploy', probeDir);
  expect((await host.fetch('/fn/probe/count')).status).toBe(200);
  undo.move();
  return host;
}

/** Cgroups of this data folder's node. */
function ownCgroups(): readonly string[] {
  const node = readFileSync(join(dataDir, 'node-id'), 'utf8').trim();
  return traces(dataDir).cgroups.filter((path) => path.includes(node));
}

describe('a host', () => {
  test('that is interrupted leaves nothing behind', async () => {
    const before = traces(dataDir);
    const host = await hostWithSandbox();
    expect(ownCgroups().length).toBeGreaterThan(0);
    expect(await host.interrupt()).toBe(0);
    expect(ownCgroups()).toEqual([]);
    const after = traces(dataDir);
    expect(after.processes).toEqual([]);
    expect(after.mounts).toEqual(before.mounts);
  });

  test('keeps functions over a restart', async () => {
    await (await hostWithSandbox()).interrupt();
    await using host = await startHost({ dataDir });
    expect((await host.fetch('/fn/probe/count')).status).toBe(200);
  });

  test('that is killed takes its processes with it, and the next start removes the rest', async () => {
    const killed = await hostWithSandbox();
    const sandboxes = new Set(ownCgroups());
    killed.process.kill('SIGKILL');
    await vi.waitFor(() => expect(traces(dataDir).processes).toEqual([]), 20_000);
    await using host = await startHost({ dataDir });
    expect(ownCgroups().filter((path) => sandboxes.has(path) && isSandbox(path))).toEqual([]);
    expect((await host.fetch('/fn/probe/count')).status).toBe(200);
  });

  test('survives the death of its worker, of its gateway and of Redis', async () => {
    await using host = await hostWithSandbox();
    for (const part of ['main.ts worker', 'main.ts gateway', 'durable.sock', 'fast.sock']) {
      const victim = traces(dataDir).processes.find((line) => line.includes(part));
      expect(victim, part).toBeDefined();
      process.kill(Number(victim?.split(' ')[0]), 'SIGKILL');
      await vi.waitFor(async () => expect((await host.fetch('/fn/probe/count')).status).toBe(200), {
        timeout: 55_000,
        interval: 100,
      });
    }
  });

  test('serves with runc as it does with crun', async () => {
    const host = await startHost({ dataDir, environment: { HEARTH_RUNTIME: 'runc' } });
    await host.hearth('deploy', probeDir);
    expect((await host.fetch('/fn/probe/count')).status).toBe(200);
    expect((await host.fetch('/fn/probe/never')).status).toBe(504);
    expect((await host.fetch('/fn/probe/eat')).headers.get('x-hearth-error')).toBe(
      'function.out_of_memory',
    );
    expect(await host.interrupt()).toBe(0);
    expect(ownCgroups()).toEqual([]);
  });

  test('refuses to share its data folder', async () => {
    await using host = await startHost({ dataDir });
    await expect(startHost({ dataDir: host.dataDir })).rejects.toThrow(/already runs/);
  });

  test('lets two run side by side', async () => {
    await using one = await hostWithSandbox();
    const other = await startHost();
    await other.hearth('deploy', probeDir);
    expect((await other.fetch('/fn/probe/count')).status).toBe(200);
    await other[Symbol.asyncDispose]();
    expect((await one.fetch('/fn/probe/count')).headers.get('x-hearth-start')).toBe('thawed');
  });
});

/** A sandbox's cgroup is named with a UUID. */
function isSandbox(path: string): boolean {
  return /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(path);
}
