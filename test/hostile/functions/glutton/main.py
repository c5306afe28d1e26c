"""Takes all it can get of whatever there is; says how much that was, where it lives to say it."""

import errno
import os
import signal
import sys


def until_refused(take):
    """How often it could be taken, and the name of the refusal."""
    count = 0
    while True:
        try:
            take(count)
        except OSError as error:
            return {"count": count, "refusal": errno.errorcode[error.errno]}
        count += 1


def processes():
    """A fork bomb: every process makes more."""
    while True:
        try:
            os.fork()
        except OSError:
            pass


def children():
    """As many processes as there may be, which then wait."""

    def one_more(_count):
        if os.fork() == 0:
            signal.pause()

    return until_refused(one_more)


def memory():
    held = []
    while True:
        held.append(b"x" * 4_000_000)


def disk():
    with open("/tmp/large", "wb", buffering=0) as file:
        return until_refused(lambda _count: file.write(b"x" * 65_536))


def inodes():
    return until_refused(lambda count: os.close(os.open(f"/tmp/{count}", os.O_CREAT)))


def descriptors():
    return until_refused(lambda _count: os.open("/dev/null", os.O_RDONLY))


def shared_memory():
    with open("/dev/shm/large", "wb", buffering=0) as file:
        return until_refused(lambda _count: file.write(b"x" * 65_536))


def processor():
    """Spins in as many processes as there are processors, deaf to every signal it can be deaf to."""
    for number in range(1, 32):
        try:
            signal.signal(number, signal.SIG_IGN)
        except OSError:
            pass
    for _ in range(3):
        if os.fork() == 0:
            break
    while True:
        pass


def output():
    """100 MB, straight to the descriptor and through the language."""
    line = "x" * 999
    for _ in range(50_000):
        print(line)
    for _ in range(50):
        os.write(1, (line + "\n").encode() * 1_000)
    sys.stdout.flush()
    return "printed"


def forged_answer():
    """An answer for an invocation that is not its own, on the channel that it shares."""
    body = b"\x14" + b"\x07" * 8 + (2).to_bytes(4, "big") + b"{}" + b"forged"
    os.write(3, len(body).to_bytes(4, "big") + body)
    signal.pause()


def endless_frame():
    os.write(3, b"\xff\xff\xff\xff\x14")
    while True:
        os.write(3, b"x" * 65_536)


GREEDS = {
    greed.__name__: greed
    for greed in (
        processes, children, memory, disk, inodes, descriptors, shared_memory, processor, output,
        forged_answer, endless_frame,
    )
}


def handler(event, _context):
    return GREEDS[event["greed"]]()
