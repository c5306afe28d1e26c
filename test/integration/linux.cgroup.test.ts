import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readCgroupLayout, type Cgroup, type CgroupTree } from '../../src/linux/index.ts';
import { makeTestCgroup, type TestCgroup } from '../support/test-cgroup.ts';

const mib = 1024 * 1024;
const limits = { memoryBytes: 64 * mib, cpu: 0.5, pids: 20 };
let made: TestCgroup;
let tree: CgroupTree;
let cgroup: Cgroup;
const run = (command: string) => made.run(command);

beforeEach(() => {
  made = makeTestCgroup(limits);
  ({ tree, cgroup } = made);
});
afterEach(() => made[Symbol.asyncDispose]());

const isRunning = () => vi.waitFor(() => expect(cgroup.processes()).not.toEqual([]), 20_000);

describe('a cgroup', () => {
  test('holds what entered it, and its children', async () => {
    const child = run('sleep 60 & sleep 60 & wait');
    await vi.waitFor(() => expect(cgroup.processes()).toHaveLength(3), 20_000);
    expect(cgroup.processes()).toContain(child.pid);
    expect(cgroup.stats().pids).toBe(3);
  });

  test('kills all that is in it', async () => {
    const child = run('trap "" TERM; sleep 60 & sleep 60 & wait');
    const exited = once(child, 'exit');
    await vi.waitFor(() => expect(cgroup.processes()).toHaveLength(3), 20_000);
    await cgroup.kill();
    expect(cgroup.processes()).toEqual([]);
    expect((await exited)[1]).toBe('SIGKILL');
  });

  test('kills also what is frozen', async () => {
    run('sleep 60');
    await isRunning();
    cgroup.freeze();
    await vi.waitFor(() => expect(cgroup.isFrozen()).toBe(true), 20_000);
    await cgroup.kill();
    expect(cgroup.processes()).toEqual([]);
  });

  test('stands still while it is frozen and goes on when it is thawed', async () => {
    const child = run('while :; do echo tick; sleep 0.01; done');
    const ticks = vi.fn<() => void>();
    child.stdout?.on('data', ticks);
    await vi.waitFor(() => expect(ticks).toHaveBeenCalled(), 20_000);
    cgroup.freeze();
    await vi.waitFor(() => expect(cgroup.isFrozen()).toBe(true), 20_000);
    const { cpuUsec } = cgroup.stats();
    const other = spawn('sh', ['-c', 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done']);
    await once(other, 'exit');
    expect(cgroup.stats().cpuUsec).toBe(cpuUsec);
    ticks.mockClear();
    cgroup.thaw();
    await vi.waitFor(() => expect(ticks).toHaveBeenCalled(), 20_000);
  });

  test('refuses more processes than its limit', async () => {
    const child = run('i=0; while [ $i -lt 40 ]; do sleep 60 & i=$((i+1)); done; wait');
    let complaint = '';
    child.stderr?.on('data', (text: Buffer) => (complaint += text.toString()));
    await vi.waitFor(() => expect(complaint).toContain('ork'), 20_000);
    expect(cgroup.processes().length).toBeLessThanOrEqual(limits.pids);
  });

  test('counts what the kernel killed for want of memory', async () => {
    expect(cgroup.oomKills()).toBe(0);
    const child = run('exec tail /dev/zero');
    const [, signal] = (await once(child, 'exit')) as [null, string];
    expect(signal).toBe('SIGKILL');
    expect(cgroup.oomKills()).toBe(1);
    expect(cgroup.stats().memoryPeakBytes).toBeLessThanOrEqual(limits.memoryBytes);
  });

  test('takes new limits, upwards and downwards, while it is in use', async () => {
    run('sleep 60');
    await isRunning();
    cgroup.setLimits({ ...limits, memoryBytes: 128 * mib });
    cgroup.setLimits({ ...limits, memoryBytes: 32 * mib });
  });

  test('keeps the limits that are not given when others change', async () => {
    cgroup.setLimits({ cpu: 1 });
    const child = run('exec tail /dev/zero');
    await once(child, 'exit');
    expect(cgroup.oomKills()).toBe(1);
    expect(cgroup.stats().memoryPeakBytes).toBeLessThanOrEqual(limits.memoryBytes);
  });

  test('lets through only its share of a processor', async () => {
    run('while :; do :; done');
    await vi.waitFor(() => expect(cgroup.stats().throttledUsec).toBeGreaterThan(0), 20_000);
  });

  test('is found by its name, in every hierarchy gone when removed', async () => {
    expect(tree.list()).toEqual(['one']);
    await cgroup.remove();
    await cgroup.remove();
    expect(tree.list()).toEqual([]);
    expect(cgroup.oomKills()).toBe(0);
    await cgroup.kill();
  });
});

test('the layout is that of this machine', () => {
  const layout = readCgroupLayout();
  const mounts = readFileSync('/proc/self/mounts', 'utf8');
  expect(layout.version).toBe(/^cgroup /m.test(mounts) ? 1 : 2);
});
