"""Frames of the native channel; the manual is PROTOCOL.md."""

import json

INIT, INVOKE, GRANT = 0x01, 0x02, 0x04
HELLO, READY, INIT_FAILED = 0x11, 0x12, 0x13
RESPONSE, HEAD, CHUNK, END, ERROR, LOG = 0x14, 0x15, 0x16, 0x17, 0x18, 0x19

ID_BYTES = 8
LENGTH_BYTES = 4

#: The id of output that belongs to no invocation.
NO_INVOCATION = bytes(ID_BYTES)


def uint32(value):
    return value.to_bytes(LENGTH_BYTES, "big")


def to_json(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def encode_frame(frame_type, *parts):
    payload = b"".join(parts)
    return uint32(len(payload) + 1) + bytes((frame_type,)) + payload


def split_invoke(payload):
    """Id, head and body of an INVOKE frame."""
    head_start = ID_BYTES + LENGTH_BYTES
    head_end = head_start + int.from_bytes(payload[ID_BYTES:head_start], "big")
    return payload[:ID_BYTES], json.loads(payload[head_start:head_end]), payload[head_end:]


def split_grant(payload):
    return payload[:ID_BYTES], int.from_bytes(payload[ID_BYTES:], "big")


class FrameDecoder:
    """Cuts what the host sends into frames. A long frame is put together once, when it is all there."""

    def __init__(self, on_frame):
        self._on_frame = on_frame
        self._pieces = []
        self._pending_bytes = 0
        self._needed_bytes = LENGTH_BYTES

    def push(self, piece):
        self._pieces.append(piece)
        self._pending_bytes += len(piece)
        if self._pending_bytes < self._needed_bytes:
            return
        data = b"".join(self._pieces)
        offset = 0
        self._needed_bytes = LENGTH_BYTES
        while len(data) - offset >= LENGTH_BYTES:
            start = offset + LENGTH_BYTES
            end = start + int.from_bytes(data[offset:start], "big")
            if end > len(data):
                self._needed_bytes = end - offset
                break
            self._on_frame(data[start], data[start + 1 : end])
            offset = end
        self._pieces = [data[offset:]]
        self._pending_bytes = len(data) - offset
