"""The frames between guest and host: a length of four bytes, then fields, each behind a length of its own.

Both sides use this file, so it runs on Python 3.9. A field is any bytes. Frames have a bound, so a
liar on the other side cannot make the reader hold more than that.
"""

from __future__ import annotations

import os

MOST_BYTES = 16 * 2**20  # a large picture is a few million bytes
ERROR_MARK = (
    b"\x1b_sandbox error "  # on standard error before an error that was not caught: its length, a semicolon, it
)
ERROR_BYTES = 4000  # of the longest; with its mark a pipe takes it whole, for it has 4096 bytes at most (PIPE_BUF)
_LENGTH = 4


def pack(*fields: bytes) -> bytes:
    """Return the frame that carries these fields, at least one.

    Raises:
        ValueError: They are too long for a frame.
    """
    parts = [b""]
    for field in fields:
        parts += (len(field).to_bytes(_LENGTH, "big"), field)
    size = sum(map(len, parts))
    if not 0 < size <= MOST_BYTES:
        raise ValueError("the frame is %d bytes, not 1 to %d" % (size, MOST_BYTES))
    parts[0] = size.to_bytes(_LENGTH, "big")
    return b"".join(parts)


class Reader:
    """Puts frames together from pieces as they arrive; one longer than ``most`` bytes is an error."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._data = bytearray()
        self._wrong: ValueError | None = None

    def feed(self, data: bytes) -> list[list[bytes]]:
        """Take the next bytes; return the frames that are now complete.

        Raises:
            ValueError: The stream holds what is no frame, and no good one comes before it.
        """
        if self._wrong:
            raise self._wrong
        self._data += data
        frames: list[list[bytes]] = []
        start = 0
        try:
            while len(self._data) - start >= _LENGTH:
                size = int.from_bytes(self._data[start : start + _LENGTH], "big")
                if not 0 < size <= self._most:
                    raise ValueError("a frame of %d bytes is announced, not 1 to %d" % (size, self._most))  # noqa: TRY301 - with those of fields
                end = start + _LENGTH + size
                if len(self._data) < end:
                    break
                frames.append(_fields(self._data, start + _LENGTH, end))
                start = end
        except ValueError as error:
            self._wrong = error  # raised now, or at the next call if good frames came before
            start = len(self._data)
        del self._data[:start]
        if self._wrong and not frames:
            raise self._wrong
        return frames


def _fields(data: bytearray, start: int, end: int) -> list[bytes]:
    fields = []
    while start < end:
        first = start + _LENGTH
        start = first + int.from_bytes(data[start:first], "big")
        if not first <= start <= end:
            raise ValueError("a field of %d bytes passes the end of its frame" % (start - first))
        fields.append(bytes(data[first:start]))
    return fields


def read(descriptor: int) -> list[bytes] | None:
    """Block for one frame of a descriptor that carries one frame at a time; None at its end."""
    reader = Reader()
    while True:
        data = os.read(descriptor, 65536)
        if not data:
            return None
        frames = reader.feed(data)
        if frames:
            return frames[0]
