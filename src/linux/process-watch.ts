import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import type { ProcessWatch } from '../domain/container-engine.ts';
import { calls } from './libc.ts';

/** struct statx, of which the number of links is at byte 16; for statx(2). */
const statxBytes = 256;
const linksOffset = 16;
const emptyPath = 0x1000; // AT_EMPTY_PATH: the descriptor itself
const wantLinks = 0x4; // STATX_NLINK
const statx = Buffer.alloc(statxBytes); // shared: it is used and read within one call
const digits = Buffer.alloc(16); // so is this

/** The files of a cgroup that tell what is in it. */
export interface ProcessFiles {
  /** `pids.current`: how many tasks, which are processes and threads. */
  readonly tasksFile: string;
  /** `cgroup.procs`: the ids of the processes. */
  readonly procsFile: string;
}

/**
 * Tells whether a cgroup has other processes than it had. The list of ids is slow to read, and with
 * its file held open cgroup v1 answers from a list up to a second old. So first only numbers are
 * compared: if there are as many tasks as the known processes have threads, there is nobody else.
 */
export class CgroupWatch implements ProcessWatch {
  readonly #procsFile: string;
  readonly #tasks: number;
  /** Descriptors of the folders in /proc that have a folder for each thread, by process. */
  readonly #threads: Map<number, number>;

  constructor({ tasksFile, procsFile }: ProcessFiles) {
    this.#procsFile = procsFile;
    this.#threads = new Map();
    using undo = new DisposableStack();
    this.#tasks = openSync(tasksFile, 'r');
    undo.defer(() => closeSync(this.#tasks));
    for (const id of this.#ids()) {
      const fd = openTaskFolder(id);
      if (fd === undefined) continue;
      undo.defer(() => closeSync(fd));
      this.#threads.set(id, fd);
    }
    undo.move();
  }

  mayHaveOthers(): boolean {
    let tasks = Number(digits.toString('latin1', 0, readSync(this.#tasks, digits, 0, 16, 0)));
    for (const fd of this.#threads.values()) tasks -= threadCount(fd);
    return tasks !== 0;
  }

  others(): readonly number[] {
    return this.#ids().filter((id) => !this.#threads.has(id));
  }

  [Symbol.dispose](): void {
    closeSync(this.#tasks);
    for (const fd of this.#threads.values()) closeSync(fd);
  }

  #ids(): readonly number[] {
    return readFileSync(this.#procsFile, 'latin1').split('\n').filter(Boolean).map(Number);
  }
}

/** Undefined when the process has just ended. */
function openTaskFolder(id: number): number | undefined {
  try {
    return openSync(`/proc/${id}/task`, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Each thread is a link, beside the two of every folder; none are left of a process that ended. */
function threadCount(taskFolder: number): number {
  if (calls.statx(taskFolder, '', emptyPath, wantLinks, statx) !== 0) return 0;
  return Math.max(0, statx.readUInt32LE(linksOffset) - 2);
}
