import type { ContainerMount } from '../domain/container.ts';
import { HostError } from '../domain/errors.ts';
import { mountPathProblems } from '../domain/mount-paths.ts';

const scratchPath = '/tmp';

/**
 * What a sandbox sees besides its read-only root: the kernel's /proc, a /dev with nothing but what
 * the OCI runtime puts there, and /tmp, its scratch volume, unless that is on disk. No /sys: under a user namespace with a
 * network namespace of the host's making the kernel does not allow it, and nothing misses it.
 *
 * The volumes in memory are limited in bytes and in inodes, and count as the sandbox's memory.
 */
export function mountPlan(scratchBytes: number | undefined): readonly ContainerMount[] {
  return [
    {
      destination: '/proc',
      type: 'proc',
      source: 'proc',
      options: ['nosuid', 'noexec', 'nodev'],
    },
    tmpfs('/dev', ['noexec', 'mode=755', 'size=64k', 'nr_inodes=64']),
    tmpfs('/dev/shm', ['noexec', 'nodev', 'mode=1777', 'size=1m', 'nr_inodes=64']),
    ...(scratchBytes === undefined ? [] : [scratchInMemory(scratchBytes)]),
  ];
}

function scratchInMemory(bytes: number): ContainerMount {
  const limits = [`size=${bytes}`, `nr_inodes=${scratchInodes(bytes)}`];
  return tmpfs(scratchPath, ['nodev', 'mode=1777', ...limits]);
}

/** A scratch volume that the host has mounted there. */
export const scratchOnDisk = (source: string): ContainerMount => ({
  destination: scratchPath,
  type: 'bind',
  source,
  options: ['bind', 'private', 'rw', 'nosuid', 'nodev'],
});

/** A volume as one sandbox gets it. */
export interface VolumeView {
  readonly mount: string;
  /** Where the host has it mounted, with this sandbox's ids and these same flags. */
  readonly source: string;
  readonly readOnly: boolean;
  readonly noexec: boolean;
}

/**
 * The mounts of volumes, which come after the system's own. None lies in another or hides a part of
 * the system, so that nothing is ever mounted on a path that a function can write to.
 * @throws HostError `invalid` that lists all that is wrong.
 */
export function volumeMounts(views: readonly VolumeView[]): readonly ContainerMount[] {
  const problems = mountPathProblems(views.map(({ mount }) => mount));
  if (problems.length > 0) {
    throw new HostError(
      'invalid',
      'volume.invalid_mounts',
      `Volumes cannot be mounted like that: ${problems.join('; ')}.`,
    );
  }
  return views
    .toSorted((a, b) => (a.mount < b.mount ? -1 : 1))
    .map(({ mount, source, readOnly, noexec }) => ({
      destination: mount,
      type: 'bind',
      source,
      options: [
        'bind',
        'private',
        readOnly ? 'ro' : 'rw',
        'nosuid',
        'nodev',
        ...(noexec ? ['noexec'] : []),
      ],
    }));
}

/** One file for every 4 KiB, the least a file with anything in it takes; 1,024 at the least. */
function scratchInodes(bytes: number): number {
  return Math.max(1024, Math.floor(bytes / 4096));
}

function tmpfs(destination: string, options: readonly string[]): ContainerMount {
  return { destination, type: 'tmpfs', source: 'tmpfs', options: ['nosuid', ...options] };
}
