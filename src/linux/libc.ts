import koffi from 'koffi';

const libc = koffi.load('libc.so.6');

/** A system call that failed. `code` is the error's name, such as `EPERM`. */
export class LinuxError extends Error {
  override readonly name = 'LinuxError';
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

const errnoNames: ReadonlyMap<number, string> = new Map(
  Object.entries(koffi.os.errno).map(([name, errno]) => [errno, name]),
);

export const errnoName = (errno: number): string => errnoNames.get(errno) ?? `errno ${errno}`;

/** @throws LinuxError when a call answers less than 0. Call it right after the call: errno fades. */
export function check(result: number, syscall: string, operands: string): number {
  if (result >= 0) return result;
  const code = errnoName(koffi.errno());
  throw new LinuxError(`${syscall}(${operands}) failed: ${code}`, code);
}

export const calls = {
  mount: libc.func(
    'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
  ),
  umount2: libc.func('int umount2(const char *target, int flags)'),
  pivotRoot: libc.func('int pivot_root(const char *root, const char *oldRoot)'),
  mknod: libc.func('int mknod(const char *path, unsigned int mode, unsigned long device)'),
  lsetxattr: libc.func(
    'int lsetxattr(const char *path, const char *name, const void *value, unsigned long size, int flags)',
  ),
  lgetxattr: libc.func(
    'long lgetxattr(const char *path, const char *name, void *value, unsigned long size)',
  ),
  unshare: libc.func('int unshare(int flags)'),
  setns: libc.func('int setns(int fd, int type)'),
  socket: libc.func('int socket(int domain, int type, int protocol)'),
  bind: libc.func('int bind(int fd, const void *address, unsigned int length)'),
  listen: libc.func('int listen(int fd, int backlog)'),
  connect: libc.func('int connect(int fd, const void *address, unsigned int length)'),
  ioctl: libc.func('int ioctl(int fd, unsigned long request, _Inout_ void *argument)'),
  fcntl: libc.func('int fcntl(int fd, int command, int argument)'),
  setsockopt: libc.func(
    'int setsockopt(int fd, int level, int name, const void *value, unsigned int length)',
  ),
  send: libc.func('long send(int fd, const void *bytes, size_t length, int flags)'),
  recv: libc.func('long recv(int fd, _Out_ void *bytes, size_t length, int flags)'),
  fstatfs: libc.func('int fstatfs(int fd, _Out_ void *buffer)'),
  statx: libc.func(
    'int statx(int fd, const char *path, int flags, unsigned int mask, _Out_ void *buffer)',
  ),
  gettid: libc.func('int gettid()'),
  // By number, the same on every architecture: older C libraries have no names for them.
  openTree: libc.func('syscall', 'int', ['int64_t', 'int', 'str', 'unsigned int']),
  mountSetattr: libc.func('syscall', 'int', [
    'int64_t',
    'int',
    'str',
    'unsigned int',
    'void *',
    'size_t',
  ]),
  moveMount: libc.func('syscall', 'int', ['int64_t', 'int', 'str', 'int', 'str', 'unsigned int']),
};
