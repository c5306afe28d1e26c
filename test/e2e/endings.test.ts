import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { SandboxView } from '../../src/domain/sandbox-view.ts';
import { startHost, type RunningHost } from '../support/running-host.ts';

const functionDir = (name: string) => fileURLToPath(new URL(`functions/${name}`, import.meta.url));

const pathOf = (program: string): string =>
  execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();

/** How sandboxes end, what is told about it, and what an operator sees of them meanwhile. */
describe.each([
  ['crun', 'runc'],
  ['runc', 'crun'],
])('on a host with %s', (runtime, another) => {
  let host: RunningHost;
  let stuck: Promise<Response>;
  beforeAll(async () => {
    host = await startHost({
      environment: {
        HEARTH_RUNTIME: runtime,
        HEARTH_STEMS: '1',
        HEARTH_RUNTIME_CLASSES: JSON.stringify({ another: pathOf(another) }),
      },
    });
    await host.hearth('deploy', functionDir('stuck'));
    stuck = host.fetch('/fn/stuck');
    await host.hearth('deploy', functionDir('probe'));
  });
  afterAll(() => host?.[Symbol.asyncDispose]());

  async function sandboxes(of = 'probe'): Promise<SandboxView[]> {
    const answer = await host.fetchWithKey('/v1/sandboxes');
    const list = (await answer.json()) as { sandboxes: SandboxView[] };
    return list.sandboxes.filter(({ functionName }) => functionName === of);
  }

  const logOf = async (answer: Response) => {
    const id = answer.headers.get('x-hearth-invocation-id') ?? '';
    return (await host.hearth('logs', 'probe', '--invocation', id)).stdout;
  };

  test.each([
    ['/exit', 'function.crashed', 'ended with exit code 3'],
    ['/abort', 'function.crashed', 'ended by SIGABRT'],
    ['/eat', 'function.out_of_memory', 'needed more memory than its 96.0 MiB'],
  ])('%s is told as what it was', async (path, reason, logged) => {
    const answer = await host.fetch(`/fn/probe${path}`);
    expect(answer.status).toBe(502);
    expect(answer.headers.get('x-hearth-error')).toBe(reason);
    await vi.waitFor(async () => expect(await logOf(answer)).toContain(logged));
  });

  test('a timeout takes every process of the sandbox with it', async () => {
    let answer = host.fetch('/fn/probe/family');
    let isOver = false;
    const busy = await vi.waitFor(async () => {
      if (isOver) answer = host.fetch('/fn/probe/family'); // over before it was seen: once more
      isOver = false;
      void answer.finally(() => (isOver = true));
      const sandbox = (await sandboxes()).find(({ running }) => running > 0);
      expect(sandbox?.processIds.length).toBeGreaterThan(3); // OCI runtime, init, Node, a child
      return sandbox!;
    }, 60_000);
    expect(busy).toMatchObject({ state: 'busy', functionName: 'probe', running: 1 });
    expect(busy.runtime).toContain(runtime);
    for (const pid of busy.processIds) expect(existsSync(`/proc/${pid}`)).toBe(true);
    expect((await answer).headers.get('x-hearth-error')).toBe('timeout.run');
    await vi.waitFor(() => {
      expect(busy.processIds.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    }, 10_000);
    const gone = await host.fetchWithKey(`/v1/sandboxes/${busy.id}`);
    expect(gone.status).toBe(404);
  });

  test('an operator sees what each sandbox uses', async () => {
    await host.fetch('/fn/probe/count');
    await vi.waitFor(async () => expect(await sandboxes()).toMatchObject([{ state: 'frozen' }]));
    const [sandbox] = await sandboxes();
    const { stdout } = await host.hearth('sandbox', 'ls');
    expect(stdout).toMatch(/ID +FUNCTION +STATE +START .* MEMORY .* CPU +PIDS/);
    expect(stdout).toMatch(/probe +frozen .* of 96\.0 MiB .* of 256/);
    const inspected = await host.hearth('sandbox', 'inspect', sandbox!.id.slice(0, 12));
    expect(JSON.parse(inspected.stdout)).toMatchObject({
      id: sandbox!.id,
      limits: { memoryBytes: 96 * 1024 * 1024, pids: 256 },
      invocations: 1,
    });
    const unknown = await host.hearth('sandbox', 'inspect', 'none');
    expect(unknown).toMatchObject({ exitCode: 1 });
    expect(unknown.stderr).toContain('No sandbox "none"');
  });

  test('a function runs by the OCI runtime that it asks for, if the host has it', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'hearth-class-'));
    const deployWith = async (runtimeClass: string) => {
      const config = { name: 'classy', entry: 'index.mjs', runtimeClass };
      await writeFile(join(dir, 'hearth.json'), JSON.stringify(config));
      await writeFile(join(dir, 'index.mjs'), 'export const handler = async () => 42;');
      return await host.hearth('deploy', dir);
    };
    const refused = await deployWith('gvisor');
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('which no node has. They have: another.');
    expect(await deployWith('another')).toMatchObject({ exitCode: 0 });
    expect((await host.hearth('invoke', 'classy')).stdout.trim()).toBe('42');
    expect(await sandboxes('classy')).toMatchObject([
      { start: 'cold', runtime: expect.stringMatching(`^${another} `) as string },
    ]);
    await rm(dir, { recursive: true });
  });

  test('a handler that is not loaded after ten seconds is given up', async () => {
    const answer = await stuck;
    expect(answer.status).toBe(504);
    expect(answer.headers.get('x-hearth-error')).toBe('timeout.init');
    expect(await sandboxes('stuck')).toEqual([]);
  });
});
