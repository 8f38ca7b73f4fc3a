"""The frames between guest and host: a length of four bytes, then fields joined by NUL.

Both sides use this file, so it runs on Python 3.8. A field is bytes without NUL. Frames have a
bound, so a liar on the other side cannot make the reader allocate more than that.
"""

from __future__ import annotations

import os

MOST_BYTES = 4 * 2**20


def pack(*fields: bytes) -> bytes:
    """Give the frame that carries these fields."""
    if any(b"\0" in field for field in fields):
        raise ValueError("a field holds a NUL byte")
    body = b"\0".join(fields)
    if len(body) > MOST_BYTES:
        raise ValueError("the frame is %d bytes, more than %d" % (len(body), MOST_BYTES))
    return len(body).to_bytes(4, "big") + body


class Reader:
    """Puts frames together from pieces as they arrive; one longer than ``most`` bytes is an error."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._data = b""

    def feed(self, data: bytes) -> list[list[bytes]]:
        """Take the next bytes; give the frames that are now complete.

        Raises:
            ValueError: The stream announces a frame longer than the bound, and no good one comes before it.
        """
        self._data += data
        frames: list[list[bytes]] = []
        start = 0
        while len(self._data) - start >= 4:
            end = start + 4 + int.from_bytes(self._data[start : start + 4], "big")
            if end - start - 4 > self._most:
                if not frames:
                    raise ValueError("a frame of %d bytes is announced, more than %d" % (end - start - 4, self._most))
                self._data = self._data[: start + 4]  # raises at the next call
                break
            if len(self._data) < end:
                break
            frames.append(self._data[start + 4 : end].split(b"\0"))
            start = end
        self._data = self._data[start:]
        return frames


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
