import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { SandboxView } from '../../src/domain/sandbox-view.ts';
import { startHost, type CommandResult, type RunningHost } from '../support/running-host.ts';

let host: RunningHost;
beforeAll(async () => {
  const classes = { gvisor: '/usr/bin/runsc' };
  host = await startHost({ environment: { HEARTH_RUNTIME_CLASSES: JSON.stringify(classes) } });
});
afterAll(() => host?.[Symbol.asyncDispose]());

async function deploy(config: object, file: string, source: string): Promise<CommandResult> {
  const dir = await mkdtemp(join(tmpdir(), 'hearth-gvisor-'));
  const all = { runtimeClass: 'gvisor', entry: file, ...config };
  await writeFile(join(dir, 'hearth.json'), JSON.stringify(all));
  await writeFile(join(dir, file), source);
  const result = await host.hearth('deploy', dir);
  await rm(dir, { recursive: true });
  return result;
}

function invoke(name: string, event: object = {}): Promise<Response> {
  const init = { method: 'POST', body: JSON.stringify(event) };
  return host.fetchWithKey(`/v1/functions/${name}/invocations`, init);
}

async function sandboxesOf(name: string): Promise<readonly SandboxView[]> {
  const answer = await host.fetchWithKey('/v1/sandboxes');
  const { sandboxes } = (await answer.json()) as { sandboxes: readonly SandboxView[] };
  return sandboxes.filter(({ functionName }) => functionName === name);
}

const probe = `
  import { readFileSync, writeFileSync } from 'node:fs';
  import { spawnSync } from 'node:child_process';
  let served = 0;
  export const handler = async ({ act }) => {
    if (act === 'hang') for (;;);
    if (act === 'eat') for (const all = []; ; ) all.push(Buffer.alloc(2 ** 20, 1));
    if (act === 'exit') process.exit(3);
    if (act === 'write') return ['/', '/usr/', '/var/task/'].filter((dir) => {
      try {
        writeFileSync(dir + 'mine', 'x');
        return true;
      } catch {
        return false;
      }
    });
    served += 1;
    writeFileSync('/tmp/mine', 'x');
    console.log('served');
    const channel = process.env.HEARTH_CHANNEL_FD;
    const child = spawnSync(process.execPath, ['-p', '6 * 7'], { encoding: 'utf8' });
    return { served, kernel: readFileSync('/proc/version', 'utf8'), child: child.stdout, channel };
  };`;

describe('a function with the runtime class of gVisor', () => {
  test.each([
    ['node24', 'index.js', probe],
    ['bun1', 'index.js', probe],
    [
      'python3',
      'main.py',
      `import os, subprocess
served = 0
def handler(event, context):
    global served
    served += 1
    child = subprocess.run(["/usr/bin/python3", "-c", "print(6 * 7)"], capture_output=True)
    print("served")
    version = open("/proc/version").read()
    return {"served": served, "kernel": version, "child": child.stdout.decode(),
            "channel": os.environ.get("HEARTH_CHANNEL_FD")}`,
    ],
  ])('runs by %s on its kernel, in a new sandbox each time', async (runtime, file, source) => {
    const name = `on-${runtime}`;
    expect(await deploy({ name, runtime }, file, source)).toMatchObject({ exitCode: 0 });
    for (let i = 0; i < 2; i++) {
      const answer = await invoke(name);
      expect(answer.headers.get('x-hearth-start')).toBe('cold');
      const body = (await answer.json()) as Record<string, unknown>;
      expect(body).toMatchObject({ served: 1, child: '42\n' });
      expect(body['kernel']).toContain('Linux version 4.4.0');
      expect(body['channel'] ?? undefined).toBeUndefined();
    }
  });

  test('is stopped at its time-out, and its processes are gone', async () => {
    await deploy({ name: 'hanging', timeout: '12s' }, 'index.js', probe);
    const answer = invoke('hanging', { act: 'hang' });
    const busy = await vi.waitFor(async () => {
      const [sandbox] = await sandboxesOf('hanging');
      expect(sandbox?.running).toBe(1);
      return sandbox!;
    });
    expect(busy.runtime).toMatch(/^runsc /);
    expect((await answer).headers.get('x-hearth-error')).toBe('timeout.run');
    await vi.waitFor(() => {
      expect(busy.processIds.filter((id) => existsSync(`/proc/${id}`))).toEqual([]);
    });
  });

  test('has its memory and no more, a root that it cannot write, and its exit is told', async () => {
    await deploy({ name: 'limited', memory: '128Mi' }, 'index.js', probe);
    const eaten = await invoke('limited', { act: 'eat' });
    expect(eaten.headers.get('x-hearth-error')).toBe('function.out_of_memory');
    const exited = await invoke('limited', { act: 'exit' });
    expect(exited.headers.get('x-hearth-error')).toBe('function.crashed');
    const written = await invoke('limited', { act: 'write' });
    expect(await written.json()).toEqual([]);
  });

  test('has a sandbox ready, frozen, where it asks for one', async () => {
    await deploy({ name: 'ready', scaling: { min: 1 } }, 'index.js', probe);
    await vi.waitFor(async () => {
      expect(await sandboxesOf('ready')).toMatchObject([{ state: 'frozen', invocations: 0 }]);
    });
    const answer = await invoke('ready');
    expect(answer.headers.get('x-hearth-start')).toBe('thawed');
    expect(await answer.json()).toMatchObject({ served: 1 });
    await vi.waitFor(async () => {
      expect(await sandboxesOf('ready')).toMatchObject([{ state: 'frozen', invocations: 0 }]);
    });
  });

  test('cannot have a network as well', async () => {
    const network = { egress: ['api.example.com:443'] };
    const refused = await deploy({ name: 'outgoing', network }, 'index.js', probe);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('which the host cannot reach');
  });

  test('leaves no process of its own when the host stops', async () => {
    const ids = (await sandboxesOf('ready')).flatMap(({ processIds }) => processIds);
    expect(await host.interrupt()).toBe(0);
    await vi.waitFor(() => {
      expect(ids.filter((id) => existsSync(`/proc/${id}`))).toEqual([]);
    });
  });
});
