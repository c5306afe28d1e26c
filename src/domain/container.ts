/** One mount of a container, as the OCI runtime specification writes it. */
export interface ContainerMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/**
 * Decides what is mounted in a sandbox besides its root. Order is the order of mounting.
 * `scratchBytes`: of a scratch volume in memory; undefined where it comes from elsewhere.
 */
export type MountPlanner = (scratchBytes: number | undefined) => readonly ContainerMount[];

/**
 * What a container may do; fields are those of the OCI runtime specification. There are no
 * capabilities here because there are none in any profile.
 */
export interface SecurityProfile {
  readonly name: string;
  readonly seccomp: SeccompProfile;
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly rlimits: readonly {
    readonly type: string;
    readonly soft: number;
    readonly hard: number;
  }[];
  /** Processes and threads. */
  readonly pids: number;
  /** Who the function is inside its user namespace. */
  readonly uid: number;
  readonly gid: number;
}

export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly SeccompRule[];
}

export interface SeccompRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly {
    readonly index: number;
    readonly value: number;
    readonly valueTwo?: number;
    readonly op: string;
  }[];
}

/** User and group ids of the host that one sandbox's user namespace maps, and nobody else has. */
export interface IdRange extends Disposable {
  readonly firstId: number;
  readonly count: number;
}

export interface IdRangeProvider {
  /** @throws HostError `unavailable` when all ranges are taken. */
  lease(): IdRange;
}
