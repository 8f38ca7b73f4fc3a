"""The descriptors between host and sandbox: who owns which end, and that each is closed once."""

from __future__ import annotations

import fcntl
import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import ExitStack


class Descriptors:
    """Our ends, closed with `close` or together with `close_all`; the sandbox's ends belong to a stack.

    Attributes:
        owner: The user that the sandbox's ends of pipes are given to; None for the caller itself.
    """

    def __init__(self) -> None:
        self.owner: int | None = None
        self._open: set[int] = set()

    def pipe(self, theirs: ExitStack, *, ours: str, holds: int = 0) -> tuple[int, int]:
        """Make a pipe; return the sandbox's end and the host's, which does not block.

        Args:
            theirs: What closes the sandbox's end.
            ours: Which end is the host's, ``read`` or ``write``.
            holds: The bytes that it should take before the writer waits, if that is more than usual.
        """
        read, write = os.pipe()
        if holds:
            with suppress(OSError):  # this user has many such pipes: then the writer waits more often
                fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, holds)
        their, our = (write, read) if ours == "read" else (read, write)
        self._share(theirs, their, our)
        if self.owner is not None:
            os.fchown(their, self.owner, self.owner)  # else /dev/stderr can't be opened
        return their, our

    def socket(self, theirs: ExitStack) -> tuple[int, int]:
        """Make a pair of sockets; return the sandbox's end and the host's, which does not block.

        Ours is read with read(2), which throws away descriptors that come along (unix(7)).
        """
        their, our = (end.detach() for end in socket.socketpair())
        self._share(theirs, their, our)
        return their, our

    def _share(self, theirs: ExitStack, their: int, our: int) -> None:
        theirs.callback(os.close, their)
        self._open.add(our)
        os.set_blocking(our, False)

    def keep(self, descriptor: int) -> int:
        """Take one over as our own; return it back."""
        self._open.add(descriptor)
        return descriptor

    def close(self, descriptor: int) -> None:
        """Close one of the host's ends, unless it has been closed: its number may be in use again."""
        if descriptor in self._open:
            self._open.remove(descriptor)
            os.close(descriptor)

    def close_all(self) -> None:
        """Close all that are still open."""
        for descriptor in list(self._open):
            self.close(descriptor)


def in_memory(theirs: ExitStack, data: bytes) -> int:
    """Return a descriptor from which the sandbox reads these bytes.

    Raises:
        OSError: They could not be written whole: cut options would be fewer protections.
    """
    descriptor = os.memfd_create("sandbox-magic", os.MFD_CLOEXEC)
    theirs.callback(os.close, descriptor)
    if os.write(descriptor, data) != len(data):
        msg = "the sandbox's options could not be written whole"
        raise OSError(msg)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def opened(theirs: ExitStack, paths: Iterable[str], flags: int) -> list[int]:
    """Open files for the sandbox; those that come before the first that can't be opened."""
    found: list[int] = []
    with suppress(OSError):
        for path in paths:
            found.append(os.open(path, flags | os.O_CLOEXEC))
            theirs.callback(os.close, found[-1])
    return found
