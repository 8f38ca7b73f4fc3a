"""What the host tells PID 1 of a sandbox, on a socket that nothing else in it holds."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from sandbox_magic.guest import wire

if TYPE_CHECKING:
    from sandbox_magic.jail.cgroup.base import Group


class Control:
    """The host's end of PID 1's control socket. What is said to one that has gone is lost.

    Args:
        descriptor: The socket.
        group: The control group with the process that runs the cell.
    """

    def __init__(self, descriptor: int, group: Group) -> None:
        self._descriptor = descriptor
        self._group = group

    def go(self, *words: bytes) -> None:
        """Let the parked cell run.

        Raises:
            BrokenPipeError: PID 1 is gone.
        """
        os.set_blocking(self._descriptor, True)
        os.write(self._descriptor, wire.pack(b"go", *words))

    def cell(self, *words: bytes) -> None:
        """Let a session's next cell begin, which its process has been given.

        Raises:
            BrokenPipeError: PID 1 is gone.
        """
        os.write(self._descriptor, wire.pack(b"cell", *words))

    def gather(self) -> None:
        """Have a session's files come out."""
        self._say(b"gather")

    def undo(self) -> None:
        """Have a session go back before its last cell."""
        self._say(b"undo")

    def interrupt(self) -> None:
        """Ask PID 1 to interrupt the cell; it kills it after a short grace."""
        self._say(b"interrupt")

    def stop(self, cause: str) -> None:
        """Ask PID 1 to end the cell now; with cause ``cpu`` it shows first where the code was."""
        self._say(cause.encode())

    def pause(self) -> None:
        """Stop every process where it is, PID 1's clock too; what is stopped can still be killed."""
        self._say(b"pause" if self._group.freeze(frozen=True) else b"pause-stop")

    def resume(self) -> None:
        """Let them go on."""
        self._group.freeze(frozen=False)
        self._say(b"resume")

    def credit(self, seconds: float) -> None:
        """Let PID 1 expect the end of the run later by so much, or sooner."""
        self._say(b"credit", repr(seconds).encode())

    def _say(self, *words: bytes) -> None:
        with suppress(OSError):
            os.write(self._descriptor, wire.pack(*words))
