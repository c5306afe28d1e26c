import type { Readable } from 'node:stream';
import type { ContainerMount, IdRange } from './container.ts';
import type { NodeId, SandboxId } from './ids.ts';
import type { StoredRecord } from './record-store.ts';

/** `local`: a file system of its own on the node's disk. `dir`: a folder in the operator's. */
export const volumeDrivers = ['local', 'dir'] as const;
export type VolumeDriverName = (typeof volumeDrivers)[number];

/** `shared`: any number of sandboxes may write. `single`: this one writes, and no other does. */
export const volumeAccesses = ['shared', 'single'] as const;
export type VolumeAccess = (typeof volumeAccesses)[number];

/** What a function asks for: a volume by name, and where it sees it. */
export interface VolumeMount {
  readonly name: string;
  /** Absolute and normal; see mount-paths.ts for what is refused. */
  readonly mount: string;
  readonly readOnly: boolean;
  readonly access: VolumeAccess;
}

/** A volume as it is recorded. Its data outlives sandboxes, versions and the host. */
export interface VolumeRecord extends StoredRecord {
  readonly driver: VolumeDriverName;
  /** Enforced by `local`; undefined for `dir`, which cannot. */
  readonly sizeBytes: number | undefined;
  /** Nothing in it can be executed. */
  readonly noexec: boolean;
  /** The only node that has it; undefined where every node may (`dir`). */
  readonly node: NodeId | undefined;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** For who names one that does not exist. */
export const missingVolume = (name: string): string => {
  const shown = name.slice(0, 80);
  return `There is no volume "${shown}": make it with "hearth volume create ${shown} --size 1Gi".`;
};

export interface VolumeSnapshot {
  readonly name: string;
  /** On the disk of the host. */
  readonly usedBytes: number;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** How far a copy is, of what it takes on the disk. Told now and then where a driver knows. */
export interface CopyProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}
export type OnCopyProgress = (progress: CopyProgress) => void;

/** A volume's file system in the worker's mount namespace. Dispose to unmount. */
export interface MountedVolume extends AsyncDisposable {
  /** The folder that functions see; ids in it are those inside a sandbox. */
  readonly root: string;
}

/**
 * Keeps the bytes of volumes. Calls for one volume come one after the other; where a call wants it
 * not to be mounted the caller sees to that, here and on every other node.
 *
 * A call that is interrupted, even by the end of the machine, leaves the volume as it was before or
 * as it is after.
 */
export interface VolumeDriver {
  readonly name: VolumeDriverName;
  /** An empty volume that the function's user may write. @throws HostError `conflict`, `invalid`. */
  create(volume: VolumeRecord): Promise<void>;
  /** With its snapshots. Not while mounted. Idempotent. */
  remove(volume: VolumeRecord): Promise<void>;
  /**
   * Repairs what an unclean end left, and mounts. At most once at a time.
   * @throws HostError `not_found`, or `unavailable` when it is damaged beyond repair.
   */
  mount(volume: VolumeRecord): Promise<MountedVolume>;
  /** Bytes on the host's disk, without snapshots. */
  usedBytes(volume: VolumeRecord): Promise<number>;
  /**
   * A copy of one moment. `mounted`: it is in use; writers wait meanwhile, where the driver can
   * make them. @throws HostError `conflict` when the snapshot exists.
   */
  snapshot(
    volume: VolumeRecord,
    snapshot: string,
    options?: {
      readonly mounted?: MountedVolume | undefined;
      readonly onProgress?: OnCopyProgress;
    },
  ): Promise<void>;
  /** Oldest first. */
  snapshots(volume: VolumeRecord): Promise<readonly VolumeSnapshot[]>;
  /** Makes the volume what the snapshot is. Not while mounted. @throws HostError `not_found`. */
  restore(volume: VolumeRecord, snapshot: string, onProgress?: OnCopyProgress): Promise<void>;
  /** @throws HostError `not_found`. */
  removeSnapshot(volume: VolumeRecord, snapshot: string): Promise<void>;
  /**
   * Makes the volume what `fill` puts into an empty folder; nothing changes if that fails. Not
   * while mounted.
   */
  replace(volume: VolumeRecord, fill: (root: string) => Promise<void>): Promise<void>;
}

/** The volumes of one sandbox, held until disposed, which must be after its last process. */
export interface SandboxVolumes extends AsyncDisposable {
  /** In the order of mounting, with the sandbox's own ids. */
  readonly mounts: readonly ContainerMount[];
  /** Someone waits for one of them: to be given up as soon as nobody is served. */
  readonly wanted: AbortSignal;
  /** One is no longer ours: nothing may write to it any more, from now on. */
  readonly lost: AbortSignal;
}

/** The sandbox that volumes are lent to. */
export interface VolumeUser {
  readonly id: SandboxId;
  readonly ids: Pick<IdRange, 'firstId' | 'count'>;
  /** Who its function is inside. */
  readonly uid: number;
  readonly gid: number;
}

/** A sandbox's scratch volume on disk. Dispose it after the sandbox's last process. */
export interface ScratchDisk extends AsyncDisposable {
  readonly mount: ContainerMount;
}

/** Makes scratch volumes that are too large for memory. */
export interface ScratchDisks {
  /**
   * An empty one of that size, which nobody else has and which is gone with the sandbox, however
   * that or its worker ends. @throws HostError `unavailable` when the disk has no room for all of it.
   */
  make(
    bytes: number,
    sandbox: { readonly id: SandboxId; readonly ids: Pick<IdRange, 'firstId'> },
  ): Promise<ScratchDisk>;
}

/** Lends volumes to sandboxes. */
export interface VolumeLender {
  /**
   * Waits a while for volumes that another has for itself. Whatever the function's ids are, all that
   * functions wrote is the function's. @throws HostError `unavailable` when a
   * volume does not exist, or stays taken. Nothing is held then.
   */
  lend(
    volumes: readonly VolumeMount[],
    sandbox: VolumeUser,
    signal: AbortSignal,
  ): Promise<SandboxVolumes>;
}

export interface NewVolume {
  readonly name: string;
  readonly driver: VolumeDriverName;
  readonly sizeBytes: number | undefined;
  readonly noexec: boolean;
}

/** Who has a volume now. */
export interface VolumeHolder {
  readonly holder: string;
  readonly node: NodeId;
  /** `read` and `shared` go together; `single` also goes with `read`; `alone` with nothing. */
  readonly mode: VolumeLeaseMode;
}

export const volumeLeaseModes = ['read', 'shared', 'single', 'alone'] as const;
export type VolumeLeaseMode = (typeof volumeLeaseModes)[number];

export interface VolumeDetails {
  readonly record: VolumeRecord;
  readonly usedBytes: number;
  readonly holders: readonly VolumeHolder[];
  readonly snapshots: readonly VolumeSnapshot[];
}

/**
 * Management of volumes. What needs a volume for itself (remove, restore, import) first asks those
 * who hold it: sandboxes that serve nobody give way. @throws HostError `not_found` for an unknown
 * volume or snapshot, `conflict` while it is in use.
 */
export interface Volumes {
  create(volume: NewVolume): Promise<VolumeRecord>;
  inspect(name: string): Promise<VolumeDetails>;
  /** `force`: sandboxes that use it are destroyed. */
  remove(name: string, options: { readonly force: boolean }): Promise<void>;
  snapshot(name: string, snapshot: string, onProgress?: OnCopyProgress): Promise<void>;
  removeSnapshot(name: string, snapshot: string): Promise<void>;
  restore(name: string, snapshot: string, onProgress?: OnCopyProgress): Promise<void>;
  /** A tar of all in it. The stream must be read to its end or destroyed. */
  export(name: string): Promise<Readable>;
  /** Replaces all in it by what the tar has; nothing changes if that fails. */
  import(name: string, tar: Readable): Promise<void>;
}
