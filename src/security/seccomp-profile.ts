import type { SeccompProfile, SeccompRule } from '../domain/container.ts';

/**
 * System calls that language runtimes use. An allow-list: what is not here does not exist for a
 * sandbox (ENOSYS, on which C libraries fall back), or is refused (EPERM) where programs expect a
 * refusal. Left out although common profiles have them: ptrace and process_vm_* (a traced PID 1
 * cannot be stopped politely), io_uring, userfaultfd, keyrings, bpf, perf, every mount and
 * namespace call, message queues and SysV IPC, personality, open_by_handle_at, memory policies.
 */
const files = `
  access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat
  faccessat2 fadvise64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync
  fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstatfs fsync ftruncate futimesat getcwd
  getdents getdents64 getxattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch ioctl
  lchown lgetxattr link linkat listxattr llistxattr lremovexattr lseek lsetxattr lstat memfd_create
  mkdir mkdirat newfstatat open openat openat2 pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev
  pwritev2 read readahead readlink readlinkat readv removexattr rename renameat renameat2 rmdir
  sendfile setxattr splice stat statfs statx symlink symlinkat sync_file_range tee truncate umask
  unlink unlinkat utime utimensat utimes write writev`;

const memory = `
  brk madvise membarrier mincore mlock mlock2 mmap mprotect mremap msync munlock munmap pkey_alloc
  pkey_free pkey_mprotect`;

const processes = `
  arch_prctl capget execve execveat exit exit_group fork futex futex_waitv get_robust_list
  get_thread_area getcpu getegid geteuid getgid getgroups getpgid getpgrp getpid getppid getpriority
  getresgid getresuid getrlimit getrusage getsid gettid getuid kill pidfd_open pidfd_send_signal
  prctl prlimit64 rseq sched_get_priority_max sched_get_priority_min sched_getaffinity
  sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity
  sched_yield set_robust_list set_tid_address setfsgid setfsuid setgid setgroups setpgid
  setpriority setregid setresgid setresuid setreuid setrlimit setsid setuid sysinfo tgkill times
  tkill uname vfork wait4 waitid`;

const signalsAndTime = `
  alarm clock_getres clock_gettime clock_nanosleep getitimer gettimeofday nanosleep pause
  restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
  rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo setitimer sigaltstack signalfd signalfd4 time
  timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create
  timerfd_gettime timerfd_settime`;

const events = `
  accept accept4 bind connect epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait
  epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 getpeername getrandom getsockname
  getsockopt listen poll ppoll pselect6 recvfrom recvmmsg recvmsg select sendmmsg sendmsg sendto
  setsockopt shutdown`;

/** Known to be dangerous or pointless here: programs that ask are told no, not "never heard of it". */
const refused = `
  acct add_key bpf chroot clock_adjtime clock_settime delete_module fanotify_init finit_module
  fsconfig fsmount fsopen fspick init_module io_uring_enter io_uring_register io_uring_setup
  iopl ioperm kexec_file_load kexec_load keyctl lookup_dcookie mknod mknodat mount mount_setattr
  move_mount name_to_handle_at open_by_handle_at open_tree perf_event_open personality pidfd_getfd
  pivot_root process_madvise process_vm_readv process_vm_writev ptrace quotactl reboot request_key
  setdomainname sethostname setns settimeofday swapoff swapon syslog umount umount2 unshare
  userfaultfd vhangup`;

const names = (text: string): string[] => text.trim().split(/\s+/);
const allow = 'SCMP_ACT_ALLOW';
const refuse = 'SCMP_ACT_ERRNO';
const errno = { EPERM: 1, ENOSYS: 38 };

const family = { unix: 1, inet: 2, inet6: 10, netlink: 16 };
const socketFamily = (value: number): SeccompRule => ({
  names: ['socket'],
  action: allow,
  args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }],
});

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET. */
const namespaceFlags = 0x7e020000;

const rules: readonly SeccompRule[] = [
  { names: [files, memory, processes, signalsAndTime, events].flatMap(names), action: allow },
  {
    names: ['clone'],
    action: allow,
    args: [{ index: 0, value: namespaceFlags, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
  },
  // Its flags lie in memory, where a filter cannot look; C libraries fall back to clone.
  { names: ['clone3'], action: refuse, errnoRet: errno.ENOSYS },
  socketFamily(family.unix),
  socketFamily(family.inet),
  socketFamily(family.inet6),
  {
    // Routing information only (getaddrinfo asks for it), not audit and the like.
    names: ['socket'],
    action: allow,
    args: [
      { index: 0, value: family.netlink, op: 'SCMP_CMP_EQ' },
      { index: 2, value: 0, op: 'SCMP_CMP_EQ' },
    ],
  },
  {
    names: ['socketpair'],
    action: allow,
    args: [{ index: 0, value: family.unix, op: 'SCMP_CMP_EQ' }],
  },
  { names: names(refused), action: refuse, errnoRet: errno.EPERM },
];

/**
 * The filter for one architecture. Only the native one: 32-bit calls would pass beside the rules
 * (`socketcall` reaches every family), so a process that makes one is killed.
 */
export function seccompProfile(arch: NodeJS.Architecture): SeccompProfile {
  return {
    defaultAction: refuse,
    defaultErrnoRet: errno.ENOSYS,
    architectures: [arch === 'arm64' ? 'SCMP_ARCH_AARCH64' : 'SCMP_ARCH_X86_64'],
    syscalls: rules,
  };
}
