import type { ContainerMount } from '../domain/container.ts';

/**
 * What a sandbox sees besides its read-only root: the kernel's /proc, a /dev with nothing but what
 * the OCI runtime puts there, and /tmp, its scratch volume. No /sys: under a user namespace with a
 * network namespace of the host's making the kernel does not allow it, and nothing misses it.
 *
 * The volumes in memory are limited in bytes and in inodes, and count as the sandbox's memory.
 */
export function mountPlan(scratchBytes: number): readonly ContainerMount[] {
  return [
    {
      destination: '/proc',
      type: 'proc',
      source: 'proc',
      options: ['nosuid', 'noexec', 'nodev'],
    },
    tmpfs('/dev', ['noexec', 'mode=755', 'size=64k', 'nr_inodes=64']),
    tmpfs('/dev/shm', ['noexec', 'nodev', 'mode=1777', 'size=1m', 'nr_inodes=64']),
    tmpfs('/tmp', [
      'nodev',
      'mode=1777',
      `size=${scratchBytes}`,
      `nr_inodes=${scratchInodes(scratchBytes)}`,
    ]),
  ];
}

/** One file for every 4 KiB, the least a file with anything in it takes; 1,024 at the least. */
function scratchInodes(bytes: number): number {
  return Math.max(1024, Math.floor(bytes / 4096));
}

function tmpfs(destination: string, options: readonly string[]): ContainerMount {
  return { destination, type: 'tmpfs', source: 'tmpfs', options: ['nosuid', ...options] };
}
