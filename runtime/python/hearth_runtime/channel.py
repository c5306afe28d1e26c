import os
import threading

from .frames import FrameDecoder, encode_frame

READ_BYTES = 256 * 1024


class Channel:
    """The bootstrap's end of the native channel. When the host's end closes, the process exits."""

    def __init__(self):
        self._lock = threading.Lock()
        self._descriptor = _take_descriptor()

    def send(self, frame_type, *parts):
        """Returns when the host has it, or as good as: nothing is lost when the process ends."""
        rest = memoryview(encode_frame(frame_type, *parts))
        with self._lock:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]

    def read_forever(self, on_frame):
        """In a thread of its own, so that handlers may block."""
        decoder = FrameDecoder(on_frame)
        try:
            while piece := os.read(self._descriptor, READ_BYTES):
                decoder.push(piece)
        except OSError:
            pass  # the host's end is gone
        finally:
            os._exit(0)


def _take_descriptor():
    """No business of the function's, nor of its child processes."""
    given = int(os.environ.pop("HEARTH_CHANNEL_FD"))
    if given != 0:
        os.set_inheritable(given, False)
        return given
    moved = os.dup(given)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, given)
    os.close(nothing)
    return moved
