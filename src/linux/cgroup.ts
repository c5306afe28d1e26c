import { readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerLimits, ContainerStats } from '../domain/container-engine.ts';
import { HostError } from '../domain/errors.ts';

/**
 * One cgroup: on cgroup v1 a folder of the same name in several hierarchies. Reads and writes of
 * its files are calls into the kernel that never wait for a disk, so they are made synchronously.
 */
export interface Cgroup {
  /** A process that writes its id into each of them is in, and so are its children. */
  readonly procsFiles: readonly string[];
  /** Says how many tasks it has: processes and threads. */
  readonly tasksFile: string;
  /** Leaves alone those that are not given. */
  setLimits(limits: Partial<ContainerLimits>): void;
  /** Soon after the call nothing in it runs any more; the kernel stops each process by itself. */
  freeze(): void;
  isFrozen(): boolean;
  thaw(): void;
  processes(): readonly number[];
  /** SIGKILL for all that is in it, also while frozen. Resolves when it is empty. Idempotent. */
  kill(): Promise<void>;
  /** Times the kernel killed something in it for want of memory. 0 when it is gone. */
  oomKills(): number;
  /** Processor time of all that ran in it; 0 when it is gone. One of `stats`, for a tenth of the cost. */
  cpuUsec(): number;
  /** Zeros when it is gone. */
  stats(): ContainerStats;
  /** Removes it, and kills what has entered it since it was emptied. Idempotent. */
  remove(): Promise<void>;
}

/** The quota's period; longer ones let a throttled process stand still for longer. */
export const cpuPeriodUsec = 100_000;

const pollIntervalMs = 2;
const limitMs = 10_000;

export function writeControl(dir: string, file: string, value: string | number): void {
  writeFileSync(join(dir, file), String(value));
}

/** Empty when the cgroup or the file is gone. */
export function readControl(dir: string, file: string): string {
  try {
    return readFileSync(join(dir, file), 'utf8');
  } catch {
    return '';
  }
}

export function readNumber(dir: string, file: string): number {
  return Number(readControl(dir, file).trim()) || 0;
}

/** The number behind a key in a file of lines `key number`. */
export function readKey(dir: string, file: string, key: string): number {
  const line = readControl(dir, file)
    .split('\n')
    .find((text) => text.startsWith(`${key} `));
  return Number(line?.slice(key.length + 1)) || 0;
}

export function readProcesses(dir: string): readonly number[] {
  return readControl(dir, 'cgroup.procs').split('\n').filter(Boolean).map(Number);
}

/** Waits for the kernel. @throws HostError `internal` when it takes longer than ten seconds. */
export async function until(what: string, dir: string, isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!isSo()) {
    if (performance.now() > deadline) {
      throw new HostError('internal', 'cgroup.stuck', `The cgroup ${dir} could not be ${what}.`);
    }
    await delay(pollIntervalMs);
  }
}

/** SIGKILLs what is in the folder until it is empty. One round may miss what is just being forked. */
export async function killAll(dir: string): Promise<void> {
  await until('emptied', dir, () => killOnce(dir) === 0);
}

/** Gives how many there were. */
function killOnce(dir: string): number {
  const pids = readProcesses(dir);
  for (const pid of pids) kill(pid);
  return pids.length;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Removes a cgroup and those below it. The kernel may still be busy with the last process's end, and
 * one whose worker was killed may only now be on its way in: it is killed too.
 */
export async function removeCgroup(dir: string): Promise<void> {
  for (const entry of subfolders(dir)) await removeCgroup(join(dir, entry));
  await until('removed', dir, () => {
    if (isRemoved(dir)) return true;
    killOnce(dir);
    return false;
  });
}

/** Removes what nobody uses any more: the folder that all nodes of the machine share. */
export function removeUnused(dir: string): void {
  try {
    rmdirSync(dir);
  } catch {
    // another node has its cgroups in it
  }
}

export function subfolders(dir: string): readonly string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function isRemoved(dir: string): boolean {
  try {
    rmdirSync(dir);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return true;
    if (code === 'EBUSY') return false;
    throw error;
  }
}
