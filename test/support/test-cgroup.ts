import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { ContainerLimits } from '../../src/domain/container-engine.ts';
import { CgroupTree, readCgroupLayout, type Cgroup } from '../../src/linux/index.ts';

/** A cgroup named `one`, in a tree that nobody else has. Disposing kills what is in the tree. */
export interface TestCgroup extends AsyncDisposable {
  readonly tree: CgroupTree;
  readonly cgroup: Cgroup;
  /** A shell command inside. */
  run(command: string): ChildProcess;
}

export function makeTestCgroup(limits: ContainerLimits): TestCgroup {
  const tree = new CgroupTree(readCgroupLayout(), `hearth-test/${randomUUID()}`);
  const cgroup = tree.create('one', limits);
  const enter = cgroup.procsFiles.map((file) => `echo $$ > ${file}`).join('; ');
  return {
    tree,
    cgroup,
    run: (command) => spawn('/bin/sh', ['-c', `${enter}; ${command}`], { stdio: 'pipe' }),
    async [Symbol.asyncDispose]() {
      for (const name of tree.list()) {
        await tree.open(name).kill();
        await tree.open(name).remove();
      }
      await tree.remove();
    },
  };
}
