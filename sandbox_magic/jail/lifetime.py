"""How a sandbox ends: killed, waited for, and nothing of it left behind."""

from __future__ import annotations

import os
import select
import signal
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from sandbox_magic.jail import teardown
from sandbox_magic.jail.cgroup.base import Facts, Group
from sandbox_magic.jail.descriptors import Descriptors

if TYPE_CHECKING:
    import subprocess


class Lifetime:
    """The processes of a sandbox, and what it holds on the host.

    Attributes:
        pid: PID 1's process id on the host.
        group: The control group with the process that will run the cell.
    """

    _process: subprocess.Popen[bytes]

    def __init__(self) -> None:
        self.pid: int = 0
        self.group: Group = Group()
        self._pidfd = -1
        self._owner = os.getpid()
        self._descriptors = Descriptors()
        self._exits = ExitStack()
        self._exits.callback(self._descriptors.close_all)
        self._closed = False

    def kill(self) -> None:
        """Kill everything in the sandbox at once: with PID 1 goes its namespace."""
        with suppress(OSError):
            self.group.kill()
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the last process is gone, for PID 1 ends after all others; return whether it is."""
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(seconds and seconds * 1000))

    def facts(self) -> Facts:
        """Return what the control group counted; nothing if it has been removed."""
        try:
            return self.group.facts()
        except (OSError, KeyError, ValueError):
            return Facts()

    @property
    def is_ours(self) -> bool:
        """Whether this process started it: a forked copy of that process must not end it."""
        return os.getpid() == self._owner

    def _reap(self) -> None:
        if self._pidfd >= 0:
            self.kill()
            self.wait()
        else:
            self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it, wait for the end, close every descriptor, remove the directory."""
        if self._is_open():
            self._exits.close()

    def close_behind(self) -> None:
        """End it, and leave the rest of `close` to a thread that the interpreter waits for when it ends.

        The kernel may need seconds to take down a tmpfs with a million files.
        """
        if self._pidfd < 0:
            self.close()
        elif self._is_open():
            exits = self._exits.pop_all()
            try:
                self.kill()
                teardown.pending.add(self._pidfd, exits.close)
            except BaseException:  # an interrupt just then
                exits.close()
                raise

    def forget(self) -> None:
        """Close our descriptors alone: this is a forked copy of the process that it belongs to."""
        self._closed = True
        self._descriptors.close_all()

    def _is_open(self) -> bool:
        """Return whether it is to be closed now: once, and never by a forked copy of our process."""
        open_, self._closed = not self._closed and self.is_ours, True
        return open_
