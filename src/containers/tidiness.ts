import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Container, ContainerOrder, ProcessWatch } from '../domain/container-engine.ts';
import { ScratchVolume } from '../linux/index.ts';

type Looked = Pick<Container, 'inspect' | 'watchProcesses' | 'pause' | 'resume' | 'isPaused'>;

/** The kernel stops a process, or ends one that is killed, within some milliseconds. */
const pollIntervalMs = 1;
const pollLimitMs = 1000;

/** Killing lets the rest run for a moment, in which it may start another: it has so many tries. */
const roundsLimit = 3;

/** Volumes of its own that a container may write to: in memory, or /tmp on disk. */
export function scratchPaths(mounts: ContainerOrder['mounts']): readonly string[] {
  return mounts
    .filter(
      ({ destination, type, options }) =>
        destination === '/tmp' || (type === 'tmpfs' && options.includes('mode=1777')),
    )
    .map(({ destination }) => destination);
}

/**
 * Tells what invocations left in a container, and removes it: files in its scratch volumes, and
 * processes that were not there at the start. All of it is done from outside, as nothing that runs
 * inside can be trusted.
 */
export class Tidiness implements AsyncDisposable {
  readonly #container: Looked;
  #processes: ProcessWatch;
  readonly #volumes: readonly ScratchVolume[];
  #inside: readonly number[];
  #tidying: Promise<boolean> = Promise.resolve(true);
  #isOver = false;

  /**
   * Undefined where nobody can look inside, and where a process ends at just that moment: then the
   * sandbox soon does.
   */
  static of(container: Container, scratch: readonly string[]): Tidiness | undefined {
    if (container.hasOwnKernel) return undefined;
    try {
      return new Tidiness(container, scratch);
    } catch {
      return undefined;
    }
  }

  /** Takes every process that is there now for one that belongs there. */
  constructor(container: Looked, scratch: readonly string[]) {
    this.#container = container;
    this.#inside = processesInside(container);
    const [first] = this.#inside;
    if (first === undefined) throw new TypeError('nothing runs in the container');
    using undo = new DisposableStack();
    this.#processes = undo.use(container.watchProcesses());
    this.#volumes = scratch.flatMap((path) => {
      const volume = ScratchVolume.of(first, path);
      return volume ? [undo.use(volume)] : [];
    });
    undo.move();
  }

  /**
   * The handler has loaded: takes what it has started meanwhile for its own. Costs some 4 µs where it
   * has started nothing; looking anew costs a hundred times as much.
   */
  adopt(): void {
    if (!this.#hasStrays()) return;
    const processes = this.#container.watchProcesses();
    this.#processes[Symbol.dispose]();
    this.#processes = processes;
    this.#inside = processesInside(this.#container);
  }

  /** Costs some 6 µs where it is. */
  get isTidy(): boolean {
    return !this.#hasStrays() && this.#volumes.every((volume) => volume.isEmpty);
  }

  /** Open descriptors of the one of its own processes that has most. */
  get descriptors(): number {
    return Math.max(0, ...this.#inside.map(countDescriptors));
  }

  /** Leaves the container paused. False when something cannot be removed, such as an open file. */
  tidy(): Promise<boolean> {
    this.#tidying = this.#tidy();
    return this.#tidying;
  }

  async #tidy(): Promise<boolean> {
    for (let round = 0; round < roundsLimit; round += 1) {
      this.#container.pause();
      if (!(await this.#until(() => this.#container.isPaused()))) return false;
      const strays = this.#processes.others(); // none can end now, and its number be reused
      if (strays.length === 0) {
        await Promise.all(this.#volumes.map((volume) => volume.empty()));
        return this.isTidy;
      }
      for (const id of strays) process.kill(id, 'SIGKILL');
      this.#container.resume(); // what is paused does not even die
      const areGone = () => !this.#processes.others().some((id) => strays.includes(id));
      if (!(await this.#until(areGone))) return false;
    }
    return false;
  }

  /** Waits for what is under way: nothing is removed by a descriptor that is somebody else's. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#tidying.catch(() => {}); // told to who asked for it
    this.#processes[Symbol.dispose]();
    for (const volume of this.#volumes) volume[Symbol.dispose]();
  }

  #hasStrays(): boolean {
    return this.#processes.mayHaveOthers() && this.#processes.others().length > 0;
  }

  async #until(isSo: () => boolean): Promise<boolean> {
    const deadline = performance.now() + pollLimitMs;
    while (!this.#isOver && !isSo()) {
      if (performance.now() > deadline) return false;
      await delay(pollIntervalMs);
    }
    return !this.#isOver;
  }
}

/** Without the OCI runtime's own, which is in the cgroup only. */
function processesInside(container: Pick<Container, 'inspect'>): readonly number[] {
  const ours = mountNamespace('self');
  return container.inspect().processIds.filter((id) => {
    const theirs = mountNamespace(id);
    return theirs !== undefined && theirs !== ours;
  });
}

/** Undefined when the process has just ended. */
function mountNamespace(processId: number | 'self'): string | undefined {
  try {
    return readlinkSync(`/proc/${processId}/ns/mnt`);
  } catch {
    return undefined;
  }
}

/** Since Linux 6.2 the folder's size says it; before, one has to count. */
function countDescriptors(processId: number): number {
  const dir = `/proc/${processId}/fd`;
  try {
    return statSync(dir).size || readdirSync(dir).length;
  } catch {
    return 0; // it has ended
  }
}
