"""Tries to get out of its sandbox, and tells what came of each attempt."""

import ctypes
import errno
import mmap
import os
import platform
import resource
import signal
import socket
import stat

libc = ctypes.CDLL(None, use_errno=True)

# Numbers of system calls: x86-64, arm64 (None: it has no such call).
CALLS = {
    "mount": (165, 40), "umount2": (166, 39), "unshare": (272, 97), "setns": (308, 268),
    "pivot_root": (155, 41), "chroot": (161, 51), "move_mount": (429, 429),
    "open_tree": (428, 428), "fsopen": (430, 430), "fsmount": (432, 432),
    "mount_setattr": (442, 442), "ptrace": (101, 117), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "process_madvise": (440, 440), "pidfd_getfd": (438, 438),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_setup": (206, 0), "keyctl": (250, 219),
    "add_key": (248, 217), "request_key": (249, 218), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "reboot": (169, 142), "swapon": (167, 224),
    "swapoff": (168, 225), "acct": (163, 89), "quotactl": (179, 60), "syslog": (103, 116),
    "sethostname": (170, 161), "setdomainname": (171, 162), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "adjtimex": (159, 171), "personality": (135, 92),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "mknodat": (259, 33),
    "fanotify_init": (300, 262), "lookup_dcookie": (212, 18), "iopl": (172, None),
    "ioperm": (173, None), "modify_ldt": (154, None), "vhangup": (153, 58),
    "clone3": (435, 435), "seccomp": (317, 277), "memfd_secret": (447, 447),
    "vmsplice": (278, 75), "mbind": (237, 235), "migrate_pages": (256, 238),
    "move_pages": (279, 239), "msgget": (68, 186), "shmget": (29, 194), "semget": (64, 190),
    "mq_open": (240, 180), "sync": (162, 81), "syncfs": (306, 267), "kcmp": (312, 272),
    "statmount": (457, 457), "listmount": (458, 458), "ioprio_set": (251, 30),
    "nfsservctl": (180, 42), "uselib": (134, None), "sysfs": (139, None),
    "vserver": (236, None), "remap_file_pages": (216, 234), "mlockall": (151, 230),
    "set_mempolicy": (238, 237), "lsm_set_self_attr": (460, 460), "map_shadow_stack": (453, 453),
}

NAMESPACES = {
    "user": 0x10000000, "mount": 0x00020000, "network": 0x40000000, "pid": 0x20000000,
    "uts": 0x04000000, "ipc": 0x08000000, "cgroup": 0x02000000,
}

IS_X86 = platform.machine() == "x86_64"


def called(number, *arguments):
    """What a system call came to: the name of its error, or `done`."""
    ctypes.set_errno(0)
    padded = [ctypes.c_long(a) for a in arguments] + [ctypes.c_long(0)] * (6 - len(arguments))
    result = libc.syscall(ctypes.c_long(number), *padded)
    return "done" if result >= 0 else errno.errorcode.get(ctypes.get_errno(), "?")


def tried(action):
    """What an action came to: the name of its error, or what it gave."""
    try:
        result = action()
        return "done" if result is None else result
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error.errno))
    except ValueError:
        return "ValueError"  # what Python makes of a refused limit


def in_child(action):
    """How a child process ends that tries something: an exit status, or the name of a signal."""
    pid = os.fork()
    if pid == 0:
        try:
            action()
            os._exit(0)
        except OSError as error:
            os._exit(error.errno)
        except BaseException:
            os._exit(255)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return os.WEXITSTATUS(status)


def calls():
    column = 0 if IS_X86 else 1
    return {name: called(both[column]) for name, both in CALLS.items() if both[column] is not None}


def namespaces():
    clone = 56 if IS_X86 else 220

    def born(flags):
        pid = libc.syscall(ctypes.c_long(clone), ctypes.c_long(flags | signal.SIGCHLD), 0, 0, 0, 0)
        if pid == 0:
            os._exit(0)
        if pid > 0:
            os.waitpid(pid, 0)
            return "done"
        return errno.errorcode.get(ctypes.get_errno(), "?")

    return {name: born(flag) for name, flag in NAMESPACES.items()} | {"none": born(0)}


def foreign_calls():
    """Calls of other ABIs, which a filter that knows one only would not see."""
    if not IS_X86:
        return {}

    def int80():
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # mov eax, 20 (getpid); int 0x80; ret
        address = ctypes.addressof(ctypes.c_char.from_buffer(page))
        ctypes.CFUNCTYPE(ctypes.c_int)(address)()

    def x32():
        if libc.syscall(ctypes.c_long(0x40000000 + 39)) < 0:
            raise OSError(ctypes.get_errno(), "refused")

    return {"int80": in_child(int80), "x32": in_child(x32)}


SOCKETS = {
    "raw": (socket.AF_INET, socket.SOCK_RAW, 1),
    "raw6": (socket.AF_INET6, socket.SOCK_RAW, 58),
    "packet": (17, socket.SOCK_RAW, 0),
    "alg": (38, socket.SOCK_SEQPACKET, 0),
    "vsock": (40, socket.SOCK_STREAM, 0),
    "key": (15, socket.SOCK_RAW, 2),
    "audit": (16, socket.SOCK_RAW, 9),
    "netfilter": (16, socket.SOCK_RAW, 12),
    "bluetooth": (31, socket.SOCK_RAW, 1),
    "tipc": (30, socket.SOCK_SEQPACKET, 0),
    "can": (29, socket.SOCK_RAW, 1),
    "xdp": (44, socket.SOCK_RAW, 0),
}


def sockets():
    def opened(arguments):
        socket.socket(*arguments).close()

    return {name: tried(lambda a=arguments: opened(a)) for name, arguments in SOCKETS.items()}


WRITES = [
    "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/vm/panic_on_oom",
    "/proc/sys/net/ipv4/ip_forward", "/proc/sys/fs/binfmt_misc/register", "/proc/sysrq-trigger",
    "/proc/irq/default_smp_affinity", "/proc/bus/pci/00/00.0", "/proc/self/attr/current",
    "/proc/self/uid_map", "/proc/self/gid_map", "/proc/self/setgroups", "/proc/1/oom_score_adj",
    "/proc/self/oom_score_adj", "/proc/self/exe", "/proc/1/exe", "/proc/self/ns/user", "/dev/mem", "/dev/kmem", "/dev/port",
    "/dev/kmsg", "/dev/sda", "/dev/fuse", "/dev/net/tun", "/dev/kvm", "/dev/loop-control",
    "/sys/kernel/uevent_helper", "/sys/fs/cgroup/release_agent", "/sys/fs/cgroup/cgroup.procs",
    "/sys/fs/cgroup/memory/release_agent", "/sys/power/state", "/etc/passwd", "/etc/ld.so.preload",
    "/usr/bin/hearth-init", "/usr/bin/python3", "/usr/lib/hearth/__main__.py", "/var/task/main.py",
    "/bin/sh", "/new-file",
]


def writes():
    def written(path):
        file = os.open(path, os.O_WRONLY | (os.O_CREAT if path == "/new-file" else 0))
        try:
            os.write(file, b"-999")
        finally:
            os.close(file)

    return {path: tried(lambda p=path: written(p)) for path in WRITES}


READS = [
    "/proc/kcore", "/proc/kmsg", "/proc/kallsyms", "/proc/keys", "/proc/key-users",
    "/proc/timer_list", "/proc/sched_debug", "/proc/cmdline", "/proc/config.gz",
    "/proc/interrupts", "/proc/slabinfo", "/proc/vmallocinfo", "/proc/pagetypeinfo",
    "/proc/latency_stats", "/proc/scsi", "/proc/acpi", "/proc/asound", "/proc/kpagecount",
    "/proc/kpageflags", "/sys/firmware", "/sys/devices/virtual/powercap", "/sys/kernel",
    "/sys/fs/cgroup", "/sys/module", "/proc/fs/nfsd", "/dev/mem", "/etc/shadow",
    "/proc/1/environ", "/proc/1/root/etc/shadow", "/proc/self/cwd/../../etc/shadow",
    "/root/.ssh", "/var/lib/hearth", "/run/hearth", "/tmp/../etc/shadow",
]


def reads():
    """How much of what can be read there: bytes, entries of a folder, or the error."""

    def amount(path):
        if os.path.isdir(path):
            return len(os.listdir(path))
        with open(path, "rb") as file:
            return len(file.read(64))

    return {path: tried(lambda p=path: amount(p)) for path in READS}


def devices():
    return {
        name: {
            "kind": "device" if stat.S_ISCHR(os.lstat(f"/dev/{name}").st_mode)
            or stat.S_ISBLK(os.lstat(f"/dev/{name}").st_mode) else "other",
            "opens": tried(lambda n=name: os.close(os.open(f"/dev/{n}", os.O_RDWR))),
        }
        for name in sorted(os.listdir("/dev"))
    }


def setuid_files():
    found = []
    for folder, folders, names in os.walk("/"):
        folders[:] = [name for name in folders if os.path.join(folder, name) != "/proc"]
        for name in names:
            try:
                mode = os.lstat(os.path.join(folder, name)).st_mode
            except OSError:
                continue
            if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
                found.append(os.path.join(folder, name))
    return found


def descriptors():
    """Of every process that can be seen, and what they are."""
    found = {}
    for pid in (name for name in os.listdir("/proc") if name.isdigit()):
        def targets(pid=pid):
            folder = f"/proc/{pid}/fd"
            return sorted(tried(lambda n=n: os.readlink(f"{folder}/{n}")) for n in os.listdir(folder))
        found[pid] = tried(targets)
    return found


def processes():
    def name(pid):
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode().strip()

    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return {
        "seen": {str(pid): tried(lambda p=pid: name(p)) for pid in pids},
        "executables": sorted({tried(lambda p=pid: os.readlink(f"/proc/{p}/exe")) for pid in pids}),
        "signal_to_init": tried(lambda: os.kill(1, signal.SIGKILL)),
        "still_there": tried(lambda: os.kill(1, 0)),
        "priority": tried(lambda: os.setpriority(os.PRIO_PROCESS, 0, -5)),
    }


def rights():
    def become_root():
        os.setuid(0)

    def raised(limit):
        resource.setrlimit(limit, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    with open("/proc/self/status", encoding="ascii") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    return {
        "root": tried(become_root),
        "groups": tried(lambda: os.setgroups([0])),
        "core": resource.getrlimit(resource.RLIMIT_CORE)[1],
        "more_core": tried(lambda: raised(resource.RLIMIT_CORE)),
        "more_files": tried(lambda: raised(resource.RLIMIT_NOFILE)),
        "more_memory_locked": tried(lambda: raised(resource.RLIMIT_MEMLOCK)),
        "chown": tried(lambda: os.chown("/tmp", 0, 0)),
        "setuid_file": tried(make_setuid),
        "device": tried(lambda: os.mknod("/tmp/disk", stat.S_IFBLK | 0o600, os.makedev(8, 0))),
        "capabilities": sorted({value for key, value in status.items() if key.startswith("Cap")}),
        "no_new_privileges": status["NoNewPrivs"],
        "seccomp": status["Seccomp"],
        "dump": in_child(lambda: os.kill(os.getpid(), signal.SIGSEGV)),
        "files_after_dump": [n for n in os.listdir("/tmp") if n.startswith("core")],
    }


def make_setuid():
    with open("/tmp/setuid", "wb") as file:
        file.write(b"#!/bin/sh\n")
    os.chmod("/tmp/setuid", 0o4755)
    return "nosuid" if os.statvfs("/tmp").f_flag & os.ST_NOSUID else "honoured"


def mounts():
    with open("/proc/self/mountinfo", encoding="utf8") as file:
        return [line.split(" ") for line in file.read().strip().split("\n")]


def reach(addresses):
    """Whom it can reach: the host, its Redis, the metadata service, the world."""

    def connected(address):
        if address.startswith("/"):
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(address)
            return
        host, port = address.rsplit(":", 1)
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as peer:
            peer.settimeout(2)
            peer.connect((host, int(port)))

    return {address: tried(lambda a=address: connected(a)) for address in addresses}


ATTEMPTS = {
    action.__name__: action
    for action in (
        calls, namespaces, foreign_calls, sockets, writes, reads, devices, setuid_files,
        descriptors, processes, rights, mounts,
    )
}


def handler(event, _context):
    if "reach" in event:
        return reach(event["reach"])
    return ATTEMPTS[event["try"]]()
