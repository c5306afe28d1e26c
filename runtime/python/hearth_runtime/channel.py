import os
import threading

from .frames import FrameDecoder, encode_frame

CHANNEL_DESCRIPTOR = 3
READ_BYTES = 256 * 1024


class Channel:
    """The bootstrap's end of the native channel. When the host's end closes, the process exits."""

    def __init__(self):
        self._lock = threading.Lock()
        os.set_inheritable(CHANNEL_DESCRIPTOR, False)

    def send(self, frame_type, *parts):
        """Returns when the host has it, or as good as: nothing is lost when the process ends."""
        rest = memoryview(encode_frame(frame_type, *parts))
        with self._lock:
            while rest:
                rest = rest[os.write(CHANNEL_DESCRIPTOR, rest) :]

    def read_forever(self, on_frame):
        """In a thread of its own, so that handlers may block."""
        decoder = FrameDecoder(on_frame)
        try:
            while piece := os.read(CHANNEL_DESCRIPTOR, READ_BYTES):
                decoder.push(piece)
        except OSError:
            pass  # the host's end is gone
        finally:
            os._exit(0)
