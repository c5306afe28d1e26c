import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type {
  Container,
  ContainerEnd,
  ContainerInfo,
  ContainerLimits,
  ContainerStats,
  ContainerStreams,
  ProcessWatch,
} from '../domain/container-engine.ts';
import type { ContainerState } from '../domain/container-state.ts';
import { HostError } from '../domain/errors.ts';
import type { SandboxId } from '../domain/ids.ts';
import { CgroupWatch, unmount, type Cgroup } from '../linux/index.ts';
import { ContainerLife } from './container-life.ts';
import type { OciRuntime, RuntimeExit } from './oci-runtime.ts';

export interface OciContainerParts {
  readonly id: SandboxId;
  readonly runtime: OciRuntime;
  readonly cgroup: Cgroup;
  readonly limits: ContainerLimits;
  /** Has `config.json`; the container's own. */
  readonly bundleDir: string;
}

const killAgainMs = 20;
const killLimitMs = 10_000;

/** What a shell says of a program that it cannot run. */
const notStarted: RuntimeExit = { exitCode: 127 };

/** A container that an OCI runtime runs in the foreground, in a cgroup of ours. */
export class OciContainer implements Container {
  readonly id: SandboxId;
  readonly ended: Promise<ContainerEnd>;
  readonly #parts: OciContainerParts;
  readonly #life: ContainerLife;
  readonly #ended = Promise.withResolvers<ContainerEnd>();
  readonly #createdAt = new Date();
  #startedAt: Date | undefined;
  #limits: ContainerLimits;
  #end: ContainerEnd | undefined;
  #killing: Promise<void> | undefined;
  #deleting: Promise<void> | undefined;

  constructor(parts: OciContainerParts) {
    this.id = parts.id;
    this.ended = this.#ended.promise;
    this.#parts = parts;
    this.#limits = parts.limits;
    this.#life = new ContainerLife(parts.id);
  }

  get hasOwnKernel(): boolean {
    return this.#parts.runtime.hasOwnKernel;
  }

  get state(): ContainerState {
    return this.#life.state;
  }

  start(): ContainerStreams {
    this.#life.move('start');
    this.#startedAt = new Date();
    const { id, runtime, cgroup, bundleDir } = this.#parts;
    const { streams, exited } = runtime.run({
      id,
      bundleDir,
      stateDir: join(bundleDir, 'state'),
      cgroupProcsFiles: cgroup.procsFiles,
    });
    exited.then(
      (exit) => this.#stopped(exit),
      () => this.#stopped(notStarted),
    );
    return streams;
  }

  pause(): void {
    if (this.#life.move('pause')) this.#parts.cgroup.freeze();
  }

  isPaused(): boolean {
    return this.#life.state === 'paused' && this.#parts.cgroup.isFrozen();
  }

  resume(): void {
    if (this.#life.move('resume')) this.#parts.cgroup.thaw();
  }

  update(limits: ContainerLimits): void {
    this.#life.checkAlive('update');
    this.#parts.cgroup.setLimits(changes(this.#limits, limits));
    this.#limits = limits;
  }

  kill(): Promise<void> {
    this.#killing ??= this.#kill();
    return this.#killing;
  }

  delete(): Promise<void> {
    this.#life.check('delete');
    this.#deleting ??= this.#delete();
    return this.#deleting;
  }

  inspect(): ContainerInfo {
    const { id, runtime, cgroup } = this.#parts;
    return {
      id,
      state: this.state,
      runtime: `${runtime.name} ${runtime.version}`,
      limits: this.#limits,
      processIds: cgroup.processes(),
      createdAt: this.#createdAt.toISOString(),
      ...(this.#startedAt ? { startedAt: this.#startedAt.toISOString() } : {}),
      ...(this.#end ? { end: this.#end } : {}),
    };
  }

  watchProcesses(): ProcessWatch {
    const { tasksFile, procsFiles } = this.#parts.cgroup;
    return new CgroupWatch({ tasksFile, procsFile: procsFiles[0]! });
  }

  cpuUsec(): number {
    return this.#parts.cgroup.cpuUsec();
  }

  stats(): ContainerStats {
    return this.#parts.cgroup.stats();
  }

  /** Again until it has ended: what has just been started may only now be on its way in. */
  async #kill(): Promise<void> {
    if (this.#life.state === 'created') this.#stopped({ signal: 'SIGKILL' });
    const deadline = performance.now() + killLimitMs;
    while (!this.#end) {
      if (performance.now() > deadline) throw unkillable(this.id);
      await this.#parts.cgroup.kill();
      await Promise.race([this.ended, delay(killAgainMs)]);
    }
  }

  async #delete(): Promise<void> {
    const { cgroup, bundleDir } = this.#parts;
    await this.kill(); // settles the end of one that was never started
    await Promise.all([cgroup.remove(), removeBundle(bundleDir)]);
    this.#life.move('delete');
  }

  /** The counters are read before anyone can delete them. */
  #stopped(exit: RuntimeExit): void {
    this.#end = { ...exit, outOfMemory: this.#parts.cgroup.oomKills() > 0 };
    this.#life.move('end');
    this.#ended.resolve(this.#end);
  }
}

/** A stem mostly has the limits of its function already, and each costs 30 µs. */
function changes(before: ContainerLimits, after: ContainerLimits): Partial<ContainerLimits> {
  const { memoryBytes, cpu, pids } = after;
  return {
    ...(memoryBytes === before.memoryBytes ? {} : { memoryBytes }),
    ...(cpu === before.cpu ? {} : { cpu }),
    ...(pids === before.pids ? {} : { pids }),
  };
}

/** A runtime that was killed while it started may have left a mount of its own binary in it. */
async function removeBundle(dir: string): Promise<void> {
  try {
    await rm(dir, { recursive: true, force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
    for (const name of await readdir(dir)) unmount(join(dir, name), { detach: true });
    await rm(dir, { recursive: true, force: true });
  }
}

function unkillable(id: SandboxId): HostError {
  return new HostError(
    'internal',
    'containers.unkillable',
    `Container ${id} still runs ${killLimitMs / 1000} s after it was killed.`,
  );
}
