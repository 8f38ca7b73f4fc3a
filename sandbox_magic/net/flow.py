"""One direction of a connection: what was read from one socket and waits for the other."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sandbox_magic.net.account import Allowance, Count

CHUNK_BYTES = 256 * 1024
"""The most that waits in one direction: while it does nothing more is read."""


class LimitReached(Exception):  # noqa: N818 - reads as what it says
    """More was to go through than the run may move."""


class Flow:
    """Moves bytes from a source to a sink, which do not block, and passes the end of the source on.

    Attributes:
        source: Where they come from.
        sink: Where they go.
        waiting: What was read and not taken yet.
        ended: Whether the source has ended.
        done: Whether that was passed on, so that nothing more will come.
    """

    def __init__(
        self, source: socket.socket, sink: socket.socket, *, way: Literal["out", "in"], count: Count, left: Allowance
    ) -> None:
        self.source: socket.socket = source
        self.sink: socket.socket = sink
        self.waiting: memoryview = memoryview(b"")
        self.ended: bool = False
        self.done: bool = False
        self._out = way == "out"
        self._count = count
        self._left = left

    @property
    def reads(self) -> bool:
        """Whether it wants to know when there is something to read."""
        return not self.ended and not self.waiting

    @property
    def writes(self) -> bool:
        """Whether it wants to know when there is room to write."""
        return bool(self.waiting)

    def read(self, buffer: memoryview) -> None:
        """Take what there is, and pass on what the sink takes of it.

        Args:
            buffer: Where to read to.

        Raises:
            OSError: The connection is broken.
            LimitReached: It may not move more.
        """
        left = self._left.out_bytes if self._out else self._left.in_bytes
        try:
            if left <= 0:
                self._read_beyond()
                return
            length = self.source.recv_into(buffer, min(len(buffer), left))
        except BlockingIOError:
            return
        if not length:
            self._end()
            return
        self.take(length)
        self.waiting = buffer[:length]
        self.write()
        self.waiting = memoryview(bytes(self.waiting))  # the buffer is the next one's

    def _read_beyond(self) -> None:
        if self.source.recv(1, socket.MSG_PEEK):
            raise LimitReached
        self._end()

    def take(self, length: int) -> None:
        """Count bytes that were read."""
        if self._out:
            self._count.sent_bytes += length
            self._left.out_bytes -= length
        else:
            self._count.received_bytes += length
            self._left.in_bytes -= length

    def write(self) -> None:
        """Pass on what waits, as far as the sink takes it.

        Raises:
            OSError: The connection is broken.
        """
        try:
            while self.waiting:
                self.waiting = self.waiting[self.sink.send(self.waiting, socket.MSG_NOSIGNAL) :]
        except BlockingIOError:
            return
        if self.ended:
            self._end()

    def _end(self) -> None:
        self.ended = True
        if not self.waiting and not self.done:
            self.done = True
            self.sink.shutdown(socket.SHUT_WR)
