import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Leftovers } from '../../src/containers/leftovers.ts';
import { OciEngine } from '../../src/containers/oci-engine.ts';
import { findOciRuntime } from '../../src/containers/oci-runtime.ts';
import { exec } from '../../src/lib/exec.ts';
import {
  CgroupTree,
  loopDevices,
  NetworkNamespaces,
  readCgroupLayout,
} from '../../src/linux/index.ts';
import { routedNetworks } from '../support/routed-network.ts';
import { killingSteps } from '../support/killing-steps.ts';
import { startInOwnMounts } from '../support/own-mounts.ts';
import type { CyclesReport } from '../support/programs/cycling-worker.ts';

let dir: string;
let cgroupsPath: string;
let cgroups: CgroupTree;
let workers: ChildProcess[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-leftovers-'));
  cgroupsPath = `/hearth-test/${randomUUID()}`;
  cgroups = new CgroupTree(readCgroupLayout(), cgroupsPath);
  workers = [];
});
afterEach(async () => {
  for (const worker of workers) worker.kill('SIGKILL');
  await cgroups.remove();
  await rm(dir, { recursive: true, force: true });
});

function start(program: string, ...args: readonly string[]): ChildProcess {
  const worker = startInOwnMounts(program, dir, cgroupsPath, ...args);
  workers.push(worker);
  return worker;
}

/** Processes that know the folder: by their arguments, or by a mount that they still see. */
function processesWithTraces(): readonly string[] {
  return readdirSync('/proc').filter(
    (pid) =>
      /^\d+$/.test(pid) &&
      Number(pid) !== process.pid &&
      ['cmdline', 'mountinfo'].some((file) => read(`/proc/${pid}/${file}`).includes(dir)),
  );
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it has ended
  }
}

/** The next start of the node, as far as it concerns what is left. Gives what it removed. */
async function startAgain() {
  const runtime = await findOciRuntime('crun');
  const engine = new OciEngine({
    runtime,
    classes: new Map(),
    cgroups,
    cgroupsPath,
    bundlesDir: join(dir, 'none'),
  });
  let removed: unknown;
  const leftovers = new Leftovers(engine, cgroups, {
    publish: (_type, data) => void (removed = data),
  });
  await leftovers.start();
  return removed;
}

/**
 * Mounts and network namespaces live by processes, and by mounts in a namespace that lives. A shell
 * that was on its way to become a container when its worker died finds no cgroup, and ends.
 */
async function expectNothingLeft(): Promise<void> {
  expect(cgroups.list()).toEqual([]);
  await vi.waitFor(() => expect(processesWithTraces()).toEqual([]), 20_000);
  const ours = async () =>
    (await loopDevices()).filter(({ backingFile }) => backingFile.startsWith(dir));
  await vi.waitFor(async () => expect(await ours()).toEqual([]), 20_000);
}

describe('a worker that is killed', () => {
  test.each(killingSteps)(
    'after "%s" leaves nothing that the next start does not remove',
    async (step) => {
      const worker = start('dying-worker', step);
      expect(await once(worker, 'exit')).toEqual([null, 'SIGKILL']);
      await startAgain();
      await expectNothingLeft();
    },
  );

  test('at any moment of many lives leaves nothing that the next start does not remove', async () => {
    for (let round = 0; round < 6; round++) {
      const worker = start('cycling-worker', '0', '4');
      await once(worker.stdout!, 'data');
      await delay(Math.random() * 200);
      worker.kill('SIGKILL');
      await once(worker, 'exit');
      await startAgain();
      await expectNothingLeft();
    }
  });

  test('while its sandbox is connected leaves no link, rule or address', async () => {
    const router = join(dir, 'router');
    const nodeId = randomUUID().replaceAll('-', '');
    const namespaces = new NetworkNamespaces();
    await using undo = new AsyncDisposableStack();
    await namespaces.start();
    undo.defer(() => namespaces.stop());
    await namespaces.create(router);
    undo.defer(() => namespaces.remove(router));
    const inRouter = async (...command: readonly string[]) =>
      (await exec('nsenter', [`--net=${router}`, '--', ...command])).stdout;
    const links = async () =>
      (await inRouter('ip', '-o', 'link')).split('\n').filter((line) => !/(^| )lo:|^$/.test(line));
    await inRouter('sysctl', '--quiet', '--write', 'net.ipv4.ip_forward=1');
    const worker = start('dying-worker', 'connect', router, nodeId);
    expect(await once(worker, 'exit')).toEqual([null, 'SIGKILL']);
    expect(await links()).toHaveLength(1);
    expect(await inRouter('nft', 'list', 'ruleset')).toContain('203.0.113.0/24');

    await startAgain();
    const dirs = { pinsDir: dir, addressesDir: dir };
    const { services } = routedNetworks({ nodeId, router, namespaces, ...dirs });
    for (const service of services) await service.start(AbortSignal.timeout(20_000));
    for (const service of services.toReversed()) await service.stop(AbortSignal.timeout(20_000));
    await vi.waitFor(async () => expect(await links()).toEqual([]), 20_000);
    expect(await inRouter('nft', 'list', 'ruleset')).toBe('');
    expect(existsSync(join(dir, 'run/addresses'))).toBe(false);
    await undo.disposeAsync();
    await expectNothingLeft();
  });

  test('while its sandbox runs has it told as removed', async () => {
    const worker = start('dying-worker', 'run');
    await once(worker, 'exit');
    expect(await startAgain()).toEqual({ cgroups: 1, processes: 4 });
    expect(await startAgain()).toBeUndefined();
  });
});

test('a hundred sandboxes made and destroyed leave a worker as it was', async () => {
  const worker = start('cycling-worker', '100', '4');
  const output = await text(worker.stdout!);
  const { before, after } = JSON.parse(output.slice(output.indexOf('{'))) as CyclesReport;
  const { heapBytes, ...held } = after;
  const { heapBytes: heapBefore, ...heldBefore } = before;
  expect(held).toEqual(heldBefore);
  expect(held.cgroups).toBe(0);
  expect(heapBytes - heapBefore).toBeLessThan(1024 * 1024);
  await expectNothingLeft();
});
