import contextvars
import io
import sys
import threading

from .frames import LOG, NO_INVOCATION

#: With the id and the stream's number a LOG frame stays below 64 KiB.
PIECE_BYTES = 64 * 1024 - 16

#: The id of the invocation that this thread or task works for.
current_id = contextvars.ContextVar("hearth_invocation", default=NO_INVOCATION)


class Output:
    """
    Sends what is written to the standard streams over the channel, with the invocation in which it
    was written: so it arrives before the answer, and is not mixed up between invocations.
    """

    def __init__(self, channel):
        self._channel = channel
        self._lock = threading.Lock()
        self._pending = {}

    def capture(self):
        for number, name in ((1, "stdout"), (2, "stderr")):
            stream = io.TextIOWrapper(
                _Stream(self, number),
                encoding="utf-8",
                errors="backslashreplace",
                write_through=True,  # one stream serves all invocations: it must hold nothing back
            )
            setattr(sys, name, stream)

    def write(self, number, data):
        """`print` writes in small pieces; a line goes out whole when it is complete."""
        key = (current_id.get(), number)
        with self._lock:
            pending = self._pending.setdefault(key, bytearray())
            pending += data
            if b"\n" in data or len(pending) >= PIECE_BYTES:
                self._send(key)

    def flush(self, number):
        with self._lock:
            self._send((current_id.get(), number))

    def flush_of(self, invocation_id):
        with self._lock:
            for number in (1, 2):
                self._send((invocation_id, number))

    def flush_all(self):
        with self._lock:
            for key in list(self._pending):
                self._send(key)

    def _send(self, key):
        pending = self._pending.pop(key, b"")
        invocation_id, number = key
        for offset in range(0, len(pending), PIECE_BYTES):
            piece = pending[offset : offset + PIECE_BYTES]
            self._channel.send(LOG, invocation_id, bytes((number,)), piece)


class _Stream(io.RawIOBase):
    def __init__(self, output, number):
        self._output = output
        self._number = number

    def writable(self):
        return True

    def fileno(self):
        return self._number

    def write(self, data):
        data = bytes(data)
        self._output.write(self._number, data)
        return len(data)

    def flush(self):
        self._output.flush(self._number)
