"""The code's standard input: bytes that the caller has, or what comes from a descriptor of the host's, as it comes.

A descriptor is read only while the code's pipe takes what is read, so a writer that never ends waits as it would for
the code itself. Nothing here blocks: the loop that calls it holds the limits meanwhile.
"""

from __future__ import annotations

import errno
import io
import os
import select
import selectors
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PIECES = 16  # at a time: then other things have their turn
_NOT_OFFERED = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})


class StandardInput:
    """Feeds the code's pipe, step by step, and closes it at the end of what there is.

    Attributes:
        fed: Whether there was anything.

    Args:
        source: The bytes, or a descriptor to copy from, which is left open.
        pipe: The host's end of the code's standard input, which does not block.
        selector: Where the descriptor that is waited for is registered, with the data ``stdin``: then call `feed`.
        close: Closes the pipe.
    """

    def __init__(
        self, source: bytes | int, pipe: int, selector: selectors.BaseSelector, close: Callable[[], None]
    ) -> None:
        self._read = io.BytesIO(source).read if isinstance(source, bytes) else _reader(source)
        self._source = None if isinstance(source, bytes) else source
        self._pipe = pipe
        self._selector = selector
        self._close = close
        self.fed: bool = False
        self._awaited: int | None = None
        if source == b"":
            close()
        else:
            self._wait_for(pipe, selectors.EVENT_WRITE)

    def feed(self) -> None:
        """Pass on what there is, as far as the code takes it."""
        try:
            over = any(self._copy_piece() for _ in range(_PIECES))
        except BlockingIOError:
            return
        except OSError:  # the code does not want it, or the descriptor can't be read
            over = True
        if over:
            self._wait_for(None)
            self._close()

    def _copy_piece(self) -> bool:
        """Copy a piece that a pipe which can be written at all takes whole (pipe(7)); return whether it was the last.

        Raises:
            BlockingIOError: It has to be waited for one of the two, which is in the selector now.
        """
        if not _ready(self._pipe, select.POLLOUT):
            self._wait_for(self._pipe, selectors.EVENT_WRITE)
            raise BlockingIOError
        if self._source is not None and not _ready(self._source, select.POLLIN):
            self._wait_for(self._source, selectors.EVENT_READ)
            raise BlockingIOError
        data = self._read(select.PIPE_BUF)
        self.fed = self.fed or bool(data)
        return not data or not os.write(self._pipe, data)

    def _wait_for(self, descriptor: int | None, events: int = 0) -> None:
        if descriptor == self._awaited:
            return
        if self._awaited is not None:
            self._selector.unregister(self._awaited)
        if descriptor is not None:
            self._selector.register(descriptor, events, "stdin")
        self._awaited = descriptor


def _ready(descriptor: int, event: int) -> bool:
    poll = select.poll()  # unlike epoll it takes a regular file, which is always ready
    poll.register(descriptor, event)
    return bool(poll.poll(0))


def _reader(descriptor: int) -> Callable[[int], bytes]:
    """Return what reads from a descriptor that is ready, without waiting where another process was quicker.

    The descriptor is not made non-blocking: it would be so for each process that shares it.
    """
    offered = True

    def read(size: int) -> bytes:
        nonlocal offered
        if offered and not stat.S_ISREG(os.fstat(descriptor).st_mode):  # which would be "not ready" until it is cached
            buffer = bytearray(size)
            try:
                return bytes(buffer[: os.preadv(descriptor, [buffer], -1, os.RWF_NOWAIT)])
            except OSError as error:
                if error.errno not in _NOT_OFFERED:
                    raise
        offered = False  # or a device, or an older kernel
        return os.read(descriptor, size)

    return read
