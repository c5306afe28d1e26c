import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CgroupWatch, type Cgroup } from '../../src/linux/index.ts';
import { CommandedShell, obeyingScript } from '../support/commanded-shell.ts';
import { makeTestCgroup, type TestCgroup } from '../support/test-cgroup.ts';

const limits = { memoryBytes: 256 * 1024 * 1024, cpu: 1, pids: 100 };
let made: TestCgroup;
let cgroup: Cgroup;
const start = (program: string) => made.run(program);

beforeEach(() => {
  made = makeTestCgroup(limits);
  ({ cgroup } = made);
});
afterEach(() => made[Symbol.asyncDispose]());

async function startShell(): Promise<CommandedShell> {
  const { stdin, stdout } = start(obeyingScript('0', '1'));
  const shell = new CommandedShell(stdin!, stdout!);
  await shell.run(':'); // it has entered
  return shell;
}

function watch(): CgroupWatch {
  return new CgroupWatch({ tasksFile: cgroup.tasksFile, procsFile: cgroup.procsFiles[0]! });
}

describe('a watch over the processes of a cgroup', () => {
  test('sees no other where there is none', async () => {
    await startShell();
    using watching = watch();
    expect(watching.mayHaveOthers()).toBe(false);
    expect(watching.others()).toEqual([]);
  });

  test('sees one that came, by its id, until it is gone', async () => {
    const shell = await startShell();
    using watching = watch();
    const [id = ''] = await shell.run('sleep 600 & echo $!');
    expect(watching.mayHaveOthers()).toBe(true);
    expect(watching.others()).toEqual([Number(id)]);
    await shell.run(`kill -9 ${id}; wait ${id} 2> /dev/null`);
    await vi.waitFor(() => expect(watching.mayHaveOthers()).toBe(false), 20_000);
    expect(watching.others()).toEqual([]);
  });

  test('sees one that came when another went', async () => {
    const shell = await startShell();
    const [known = ''] = await shell.run('sleep 600 & echo $!');
    using watching = watch();
    expect(watching.mayHaveOthers()).toBe(false);
    await shell.run(`kill -9 ${known}; wait ${known} 2> /dev/null`);
    const [id = ''] = await shell.run('sleep 600 & echo $!');
    expect(watching.mayHaveOthers()).toBe(true);
    expect(watching.others()).toEqual([Number(id)]);
  });

  test('takes threads that a process starts for its own', async () => {
    const code = `
      const { Worker } = require('node:worker_threads');
      process.stdin.on('data', () => {
        for (let i = 0; i < 3; i++) {
          new Worker('setInterval(() => {}, 1000)', { eval: true })
            .on('online', () => console.log('thread'));
        }
      });
      console.log('up');`;
    const { stdin, stdout } = start(`exec ${process.execPath} -e "${code}"`);
    let said = '';
    stdout!.on('data', (text: Buffer) => (said += text.toString()));
    await vi.waitFor(() => expect(said).toBe('up\n'), 20_000);
    using watching = watch();
    const threads = () => cgroup.stats().pids;
    const before = threads();
    stdin!.write('go\n');
    await vi.waitFor(() => expect(said).toBe(`up\n${'thread\n'.repeat(3)}`), 20_000);
    expect(threads()).toBeGreaterThanOrEqual(before + 3);
    await vi.waitFor(() => expect(watching.mayHaveOthers()).toBe(false), 20_000);
    expect(watching.others()).toEqual([]);
  });

  test('leaves no descriptor open', async () => {
    await startShell();
    const before = readdirSync('/proc/self/fd').length;
    watch()[Symbol.dispose]();
    expect(readdirSync('/proc/self/fd').length).toBe(before);
  });
});
