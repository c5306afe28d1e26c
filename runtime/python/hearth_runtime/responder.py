import threading

from .errors import invalid_response
from .frames import CHUNK, END, ERROR, HEAD, RESPONSE, to_json, uint32

INITIAL_WINDOW_BYTES = 256 * 1024

#: Of a CHUNK, and of the body of a RESPONSE.
CHUNK_LIMIT_BYTES = 64 * 1024

#: With a whole chunk it still fits into a frame.
HEAD_LIMIT_BYTES = 64 * 1024


class Responder:
    """Sends the answer to one invocation, never more than the host has granted. Silent once over."""

    def __init__(self, channel, invocation_id, on_over):
        self.id = invocation_id
        self._channel = channel
        self._on_over = on_over
        self._window_bytes = INITIAL_WINDOW_BYTES
        self._granted = threading.Condition()
        self._is_over = False

    def grant(self, count):
        with self._granted:
            self._window_bytes += count
            self._granted.notify()

    def has_room(self, count):
        return count <= self._window_bytes

    def respond(self, head, body):
        """A whole answer of at most CHUNK_LIMIT_BYTES."""
        head = _head_bytes(head)
        self._send_last(RESPONSE, uint32(len(head)), head, body)

    def head(self, head):
        self._channel.send(HEAD, self.id, _head_bytes(head))

    def write(self, data):
        """Waits for the host's grants. One call at a time."""
        data = memoryview(data)
        while data:
            with self._granted:
                self._granted.wait_for(lambda: self._window_bytes > 0)
                piece = data[: min(CHUNK_LIMIT_BYTES, self._window_bytes)]
                self._window_bytes -= len(piece)
            self._channel.send(CHUNK, self.id, piece)
            data = data[len(piece) :]

    def end(self):
        self._send_last(END)

    def fail(self, error):
        self._send_last(ERROR, to_json(error))

    def _send_last(self, frame_type, *parts):
        if self._is_over:
            return
        self._is_over = True
        self._on_over(self.id)
        self._channel.send(frame_type, self.id, *parts)


def _head_bytes(head):
    data = to_json(head)
    if len(data) > HEAD_LIMIT_BYTES:
        raise invalid_response(f"its headers have {len(data)} bytes; return at most 64 KiB of them")
    return data
