import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CgroupTree } from '../../../src/linux/cgroup-tree.ts';

// This machine has cgroup v1: what is written is tested on a folder of plain files.
let root: string;
let tree: CgroupTree;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hearth-cgroup2-'));
  tree = new CgroupTree({ version: 2, mountPoint: root }, 'hearth/node');
});
afterEach(() => rmSync(root, { recursive: true }));

const read = (path: string) => readFileSync(join(root, path), 'utf8');
const dir = 'hearth/node/one';

describe('a cgroup of version 2', () => {
  test('has its limits, and no swap beyond the memory', () => {
    mkdirSync(join(root, dir), { recursive: true });
    writeFileSync(join(root, dir, 'memory.swap.max'), 'max');
    tree.create('one', { memoryBytes: 1024, cpu: 0.25, pids: 7 });
    expect(read(`${dir}/memory.max`)).toBe('1024');
    expect(read(`${dir}/memory.swap.max`)).toBe('0');
    expect(read(`${dir}/memory.oom.group`)).toBe('1');
    expect(read(`${dir}/cpu.max`)).toBe('25000 100000');
    expect(read(`${dir}/pids.max`)).toBe('7');
  });

  test('gets its controllers handed down from the root', () => {
    tree.create('one', { memoryBytes: 1024, cpu: 1, pids: 7 });
    for (const path of ['.', 'hearth', 'hearth/node']) {
      expect(read(`${path}/cgroup.subtree_control`)).toBe('+memory +pids +cpu');
    }
  });

  test('is entered by one file, and read by key', () => {
    const cgroup = tree.create('one', { memoryBytes: 1024, cpu: 1, pids: 7 });
    expect(cgroup.procsFiles).toEqual([join(root, dir, 'cgroup.procs')]);
    writeFileSync(join(root, dir, 'memory.events'), 'oom 3\noom_kill 2\noom_group_kill 1\n');
    writeFileSync(join(root, dir, 'cpu.stat'), 'usage_usec 55\nthrottled_usec 5\n');
    writeFileSync(join(root, dir, 'memory.current'), '77\n');
    expect(cgroup.oomKills()).toBe(1);
    writeFileSync(join(root, dir, 'memory.events'), 'oom 3\noom_kill 2\n');
    expect(cgroup.oomKills()).toBe(2);
    expect(cgroup.stats()).toMatchObject({ cpuUsec: 55, throttledUsec: 5, memoryBytes: 77 });
    expect(tree.list()).toEqual(['one']);
  });
});
