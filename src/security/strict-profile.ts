import type { SecurityProfile } from '../domain/container.ts';
import { seccompProfile } from './seccomp-profile.ts';

/** Kernel files that tell of the host or reach into it. A path that does not exist is no error. */
const maskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/cmdline', // the host's whole boot line
  '/proc/config.gz',
  '/proc/interrupts',
  '/proc/kallsyms',
  '/proc/kcore',
  '/proc/keys',
  '/proc/kmsg',
  '/proc/latency_stats',
  '/proc/pagetypeinfo',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/slabinfo',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/vmallocinfo',
];

const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

const limit = (type: string, most: number) => ({ type, soft: most, hard: most });

/** The profile that every sandbox has unless an operator grants another. */
export function strictProfile(arch: NodeJS.Architecture): SecurityProfile {
  return {
    name: 'strict',
    seccomp: seccompProfile(arch),
    maskedPaths,
    readonlyPaths,
    rlimits: [
      limit('RLIMIT_NOFILE', 1024),
      limit('RLIMIT_CORE', 0),
      limit('RLIMIT_MEMLOCK', 64 * 1024),
    ],
    pids: 256,
    uid: 1000,
    gid: 1000,
  };
}
