import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerLimits, ContainerStats } from '../domain/container-engine.ts';
import {
  cpuPeriodUsec,
  killAll,
  readKey,
  readNumber,
  readProcesses,
  removeCgroup,
  writeControl,
  type Cgroup,
} from './cgroup.ts';

/** A cgroup of version 2: one folder. */
export class CgroupV2 implements Cgroup {
  readonly procsFiles: readonly string[];
  readonly tasksFile: string;
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
    this.procsFiles = [join(dir, 'cgroup.procs')];
    this.tasksFile = join(dir, 'pids.current');
  }

  setLimits({ memoryBytes, cpu, pids }: Partial<ContainerLimits>): void {
    if (memoryBytes !== undefined) this.#setMemory(memoryBytes);
    if (cpu !== undefined) {
      const quota = Math.round(cpu * cpuPeriodUsec);
      writeControl(this.#dir, 'cpu.max', `${quota} ${cpuPeriodUsec}`);
    }
    if (pids !== undefined) writeControl(this.#dir, 'pids.max', pids);
  }

  freeze(): void {
    writeControl(this.#dir, 'cgroup.freeze', 1);
  }

  isFrozen(): boolean {
    return readKey(this.#dir, 'cgroup.events', 'frozen') === 1;
  }

  thaw(): void {
    writeControl(this.#dir, 'cgroup.freeze', 0);
  }

  processes(): readonly number[] {
    return readProcesses(this.#dir);
  }

  async kill(): Promise<void> {
    if (!existsSync(this.#dir)) return;
    if (existsSync(join(this.#dir, 'cgroup.kill'))) writeControl(this.#dir, 'cgroup.kill', 1);
    else this.thaw(); // before Linux 5.14: one by one, and what is frozen does not die
    await killAll(this.#dir);
  }

  oomKills(): number {
    // `oom_kill` counts each process of a group that is killed as one; before Linux 5.17 it is all there is.
    const readCount = (key: string) => readKey(this.#dir, 'memory.events', key);
    return readCount('oom_group_kill') || readCount('oom_kill');
  }

  cpuUsec(): number {
    return readKey(this.#dir, 'cpu.stat', 'usage_usec');
  }

  stats(): ContainerStats {
    return {
      cpuUsec: this.cpuUsec(),
      memoryBytes: readNumber(this.#dir, 'memory.current'),
      memoryReclaimableBytes: readKey(this.#dir, 'memory.stat', 'inactive_file'),
      memoryPeakBytes: readNumber(this.#dir, 'memory.peak'),
      pids: readNumber(this.#dir, 'pids.current'),
      throttledUsec: readKey(this.#dir, 'cpu.stat', 'throttled_usec'),
      oomKills: this.oomKills(),
    };
  }

  async remove(): Promise<void> {
    await removeCgroup(this.#dir);
  }

  #setMemory(bytes: number): void {
    writeControl(this.#dir, 'memory.max', bytes);
    if (existsSync(join(this.#dir, 'memory.swap.max'))) {
      writeControl(this.#dir, 'memory.swap.max', 0);
    }
    writeControl(this.#dir, 'memory.oom.group', 1);
  }
}
