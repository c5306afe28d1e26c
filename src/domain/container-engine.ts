import type { Duplex, Readable } from 'node:stream';
import type { ContainerMount, IdRange, SecurityProfile } from './container.ts';
import type { ContainerState } from './container-state.ts';
import type { SandboxId } from './ids.ts';

/**
 * All containers of this node, whichever OCI runtime makes them. What a container is made of (root,
 * network namespace, ids, mounts) is the caller's: it must be there before `create` and may go only
 * after `delete`.
 *
 *     create ──▶ created ── start ──▶ running ◀── resume ── paused      (container-state.ts)
 *                   │                    │  └──── pause ──────▲  │
 *                   │ kill               │ kill, or its own end  │ kill
 *                   ▼                    ▼                       ▼
 *                 stopped ◀──────────────┴───────────────────────┘
 *                   └── delete ──▶ deleted          (delete also straight from created)
 *
 * A move that the state does not allow throws HostError `conflict`; one that changes nothing (pause
 * what is paused, kill what is stopped) is harmless. There is no exec, no terminal and no hook: each
 * is a way from a hostile container into the OCI runtime.
 */
export interface ContainerEngine {
  /** Limits are in force when it resolves; nothing runs yet. @throws HostError; nothing is left. */
  create(order: ContainerOrder): Promise<Container>;
  /** Ids of all there are, also those that an earlier process of this node made and left. */
  list(): readonly SandboxId[];
  /**
   * Kills and deletes one that an earlier process left, whatever state it is in. Resolves to the
   * processes that it had. Idempotent. Not for those of this process: their own `delete` is.
   */
  remove(id: SandboxId): Promise<number>;
}

export interface Container {
  readonly id: SandboxId;
  readonly state: ContainerState;
  /**
   * Its OCI runtime puts a kernel of its own between it and this machine's (gVisor, virtual machines).
   * Its limits hold all the same; its processes, its volumes in memory and its network cannot be
   * seen or reached from outside.
   */
  readonly hasOwnKernel: boolean;
  /**
   * Settles when its first process has ended, and with it the OCI runtime that watches it, or when
   * it was killed before its start. Never rejects: one that did not start exits with 127.
   */
  readonly ended: Promise<ContainerEnd>;
  /** Once. Output that nobody reads holds the container up when the pipes are full. */
  start(): ContainerStreams;
  /** Soon after the call nothing in it runs; it can be killed all the same. */
  pause(): void;
  /** Does everything in it stand still? Some time after `pause`; false otherwise. */
  isPaused(): boolean;
  /** It runs again when this returns. */
  resume(): void;
  /**
   * New limits, in force at once. Memory in use beyond a lowered limit is reclaimed where it can be;
   * where it cannot, cgroup v1 refuses (HostError `conflict`) and v2 kills for want of memory.
   */
  update(limits: ContainerLimits): void;
  /** SIGKILL for everything in it. Resolves when it is stopped. Idempotent, also while under way. */
  kill(): Promise<void>;
  /** Gives back cgroup, bundle and the OCI runtime's state. Idempotent. */
  delete(): Promise<void>;
  inspect(): ContainerInfo;
  /** Remembers the processes that it has now. The caller disposes of it. Only while it runs. */
  watchProcesses(): ProcessWatch;
  /** Processor time of all that ran in it, µs; 0 once it is deleted. Costs some 20 µs. */
  cpuUsec(): number;
  /** Read from the kernel now; zeros once it is deleted. Costs some 0.1 ms: not for hot paths. */
  stats(): ContainerStats;
}

/** Tells what has come to a container since it was looked at first. */
export interface ProcessWatch extends Disposable {
  /** Costs some 5 µs. A false alarm is possible, such as while a thread ends; a miss is not. */
  mayHaveOthers(): boolean;
  /** Processes that were not there, as the host sees them. Costs some 20 µs. */
  others(): readonly number[];
}

/** All that a container is made of. Fields are those of the OCI runtime specification. */
export interface ContainerOrder {
  readonly id: SandboxId;
  readonly limits: ContainerLimits;
  /** One of the engine's further OCI runtimes; absent: its usual one. */
  readonly runtimeClass?: string;
  readonly rootDir: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly workingDir: string;
  readonly mounts: readonly ContainerMount[];
  readonly profile: SecurityProfile;
  readonly ids: Pick<IdRange, 'firstId' | 'count'>;
  readonly networkNamespacePath: string;
  /** A shared folder that the container sees at /var/task, with what is mounted there later. */
  readonly taskDir?: string;
}

/** Limits of everything that runs in a container together. There is no swap beyond the memory. */
export interface ContainerLimits {
  readonly memoryBytes: number;
  /** Processors; 0.5 is half of one. */
  readonly cpu: number;
  /** Processes and threads. */
  readonly pids: number;
}

export interface ContainerStreams {
  /** The other end of the container's descriptor HEARTH_CHANNEL_FD, which is in its environment. */
  readonly channel: Duplex;
  readonly stdout: Readable;
  readonly stderr: Readable;
}

/** How the first process ended, and whether the kernel had to kill in it for want of memory. */
export type ContainerEnd = { readonly outOfMemory: boolean } & (
  | { readonly exitCode: number }
  | { readonly signal: string }
);

export interface ContainerInfo {
  readonly id: SandboxId;
  readonly state: ContainerState;
  /** The OCI runtime that made it, such as `crun 1.8.1`. */
  readonly runtime: string;
  readonly limits: ContainerLimits;
  /** As the host sees them; the OCI runtime's own is among them. */
  readonly processIds: readonly number[];
  /** ISO 8601. */
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly end?: ContainerEnd;
}

/** Counters since it was created. */
export interface ContainerStats {
  readonly cpuUsec: number;
  /** How long it stood still because its share of processors was spent. */
  readonly throttledUsec: number;
  readonly memoryBytes: number;
  /** Of it: contents of files, which the kernel drops when something else needs the memory. */
  readonly memoryReclaimableBytes: number;
  readonly memoryPeakBytes: number;
  /** Processes and threads now. */
  readonly pids: number;
  /** What the kernel killed in it for want of memory. */
  readonly oomKills: number;
}
