import { describe, expect, test } from 'vitest';
import { strictProfile } from '../../../src/security/strict-profile.ts';

const { seccomp, rlimits } = strictProfile('x64');
const allowed = new Set(
  seccomp.syscalls.flatMap(({ action, names }) => (action === 'SCMP_ACT_ALLOW' ? names : [])),
);
const unconditional = new Set(
  seccomp.syscalls.flatMap(({ action, names, args }) =>
    action === 'SCMP_ACT_ALLOW' && !args ? names : [],
  ),
);

describe('the strict profile', () => {
  test.each(
    `mount umount2 pivot_root chroot unshare setns open_tree fsopen ptrace process_vm_readv
     process_vm_writev kcmp pidfd_getfd personality bpf perf_event_open userfaultfd io_uring_setup
     keyctl add_key init_module finit_module kexec_load open_by_handle_at mknod mknodat clone3
     seccomp sethostname reboot swapon syslog iopl`.split(/\s+/),
  )('does not allow %s', (name) => expect(allowed).not.toContain(name));

  test.each(['socket', 'socketpair', 'clone'])('allows %s only by its arguments', (name) => {
    expect(allowed).toContain(name);
    expect(unconditional).not.toContain(name);
  });

  test('answers what it does not know with "no such call", so that programs fall back', () => {
    expect(seccomp.defaultErrnoRet).toBe(38);
    const clone3 = seccomp.syscalls.find(({ names }) => names.includes('clone3'));
    expect(clone3?.errnoRet).toBe(38);
  });

  test('filters the native architecture only', () => {
    expect(seccomp.architectures).toEqual(['SCMP_ARCH_X86_64']);
    expect(strictProfile('arm64').seccomp.architectures).toEqual(['SCMP_ARCH_AARCH64']);
  });

  test('names no system call both allowed and refused', () => {
    const refused = seccomp.syscalls.flatMap(({ action, names }) =>
      action === 'SCMP_ACT_ALLOW' ? [] : names,
    );
    expect(refused.filter((name) => allowed.has(name))).toEqual([]);
  });

  test('leaves no core dumps', () => {
    expect(rlimits).toContainEqual({ type: 'RLIMIT_CORE', soft: 0, hard: 0 });
  });
});
