import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerLimits, ContainerStats } from '../domain/container-engine.ts';
import type { Controller } from './cgroup-layout.ts';
import {
  cpuPeriodUsec,
  killAll,
  readControl,
  readKey,
  readNumber,
  readProcesses,
  removeCgroup,
  writeControl,
  type Cgroup,
} from './cgroup.ts';

/** A cgroup of version 1: one folder for each controller. */
export class CgroupV1 implements Cgroup {
  readonly procsFiles: readonly string[];
  readonly tasksFile: string;
  readonly #dirs: Readonly<Record<Controller, string>>;
  /** Also of hierarchies without a controller of ours: an OCI runtime may have made some there. */
  readonly #everywhere: readonly string[];

  constructor(dirs: Readonly<Record<Controller, string>>, everywhere: readonly string[]) {
    this.#dirs = dirs;
    this.#everywhere = everywhere;
    this.procsFiles = [...new Set(Object.values(dirs))].map((dir) => join(dir, 'cgroup.procs'));
    this.tasksFile = join(dirs.pids, 'pids.current');
  }

  setLimits({ memoryBytes, cpu, pids }: Partial<ContainerLimits>): void {
    if (memoryBytes !== undefined) this.#setMemory(memoryBytes);
    if (cpu !== undefined) {
      writeControl(this.#dirs.cpu, 'cpu.cfs_period_us', cpuPeriodUsec);
      writeControl(this.#dirs.cpu, 'cpu.cfs_quota_us', Math.round(cpu * cpuPeriodUsec));
    }
    if (pids !== undefined) writeControl(this.#dirs.pids, 'pids.max', pids);
  }

  freeze(): void {
    writeControl(this.#dirs.freezer, 'freezer.state', 'FROZEN');
  }

  isFrozen(): boolean {
    return readControl(this.#dirs.freezer, 'freezer.state') === 'FROZEN\n';
  }

  thaw(): void {
    writeControl(this.#dirs.freezer, 'freezer.state', 'THAWED');
  }

  processes(): readonly number[] {
    return readProcesses(this.#dirs.pids);
  }

  async kill(): Promise<void> {
    if (!existsSync(this.#dirs.freezer)) return;
    this.thaw(); // what is frozen does not even die
    await killAll(this.#dirs.pids);
  }

  oomKills(): number {
    return readKey(this.#dirs.memory, 'memory.oom_control', 'oom_kill');
  }

  cpuUsec(): number {
    return Math.round(readNumber(this.#dirs.cpuacct, 'cpuacct.usage') / 1000);
  }

  stats(): ContainerStats {
    const { cpu, memory, pids } = this.#dirs;
    return {
      cpuUsec: this.cpuUsec(),
      memoryBytes: readNumber(memory, 'memory.usage_in_bytes'),
      memoryReclaimableBytes: readKey(memory, 'memory.stat', 'total_inactive_file'),
      memoryPeakBytes: readNumber(memory, 'memory.max_usage_in_bytes'),
      pids: readNumber(pids, 'pids.current'),
      throttledUsec: Math.round(readKey(cpu, 'cpu.stat', 'throttled_time') / 1000),
      oomKills: this.oomKills(),
    };
  }

  async remove(): Promise<void> {
    await Promise.all(this.#everywhere.map((dir) => removeCgroup(dir)));
  }

  /** Memory with swap may never be less than memory, so the order depends on the direction. */
  #setMemory(bytes: number): void {
    const { memory } = this.#dirs;
    const files = ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes'].filter(
      (file) => existsSync(join(memory, file)), // without swap accounting there is no second one
    );
    const isRaised = bytes > readNumber(memory, 'memory.limit_in_bytes');
    for (const file of isRaised ? files.toReversed() : files) writeControl(memory, file, bytes);
    writeControl(memory, 'memory.swappiness', 0);
  }
}
