"""A control group as a run uses it: what it counts and does, and its directories."""

from __future__ import annotations

import fcntl
import itertools
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX = "sandbox-magic-"
PERIOD_MICROSECONDS = 100_000  # of the CPU quota; the kernel's default
_REMOVE_SECONDS = 2.0
_counter = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the processes of a group use at one moment; None where the group does not count it.

    Attributes:
        pids: Its processes.
        tasks: Processes and threads.
        cpu_seconds: CPU time so far, of the ended ones too.
        anonymous_bytes: Memory of their own.
        shared_bytes: tmpfs, memfd and shared memory.
        file_bytes: Cached pages of files, which the kernel takes back when memory is short.
        charged_bytes: Memory of every kind, as it counts towards the limit.
        peak_bytes: The most of that at one time so far.
    """

    pids: tuple[int, ...]
    tasks: int | None = None
    cpu_seconds: float | None = None
    anonymous_bytes: int | None = None
    shared_bytes: int | None = None
    file_bytes: int | None = None
    charged_bytes: int | None = None
    peak_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the kernel counted over the whole run.

    Attributes:
        oom_kills: Processes that it killed because the group was out of memory.
        refused_forks: Processes and threads that it refused because there were too many.
        peak_bytes: The most memory at one time, file pages included.
        cpu_seconds: CPU time of all processes.
    """

    oom_kills: int = 0
    refused_forks: int = 0
    peak_bytes: int | None = None
    cpu_seconds: float | None = None


class Group:
    """No group: the tier where there is none. The others are derived from it.

    Attributes:
        tier: What it is called in a result's isolation.
        reasons: Why the tiers before this one did not work, for the doctor.
    """

    tier: str = "none"
    bounds_cpus: bool = False
    ends_whole_run: bool = False  # whether the kernel kills all of the group when it is out of memory
    doors: tuple[str, ...] = ()  # files to which a process writes "0" to join
    counter: str = ""  # the file that counts its CPU time, for PID 1 to read; none where nothing does

    def __init__(self) -> None:
        self.reasons: tuple[str, ...] = ()

    def holds(self, pid: int) -> bool:
        """Return whether a process has joined."""
        return pid > 0  # there is nothing to join

    def add(self, pid: int) -> None:
        """Move a process into it.

        Raises:
            OSError: It may not be moved.
        """

    def reading(self) -> Reading | None:
        """Return what is used now; None where there is no group."""
        return None

    def facts(self) -> Facts:
        """Return what the kernel counted so far."""
        return Facts()

    def restart_peak(self) -> None:
        """Let the peak of memory count from now on, where the kernel can do that."""

    def end_one_at_a_time(self) -> None:
        """Have the kernel kill one process, not all, when memory is short."""

    def kill(self) -> None:
        """Kill every process in it, where the kernel can do that at once."""

    def freeze(self, *, frozen: bool) -> bool:
        """Stop all processes in it, or let them go on; return whether the kernel can do that here."""
        del frozen
        return False

    def close(self) -> None:
        """Remove it."""


class Directories:
    """The directories of one group, one for each hierarchy that it is in, each held locked.

    The lock shows others that the group is in use: it dies with its process, and `sweep` removes
    groups that are not locked.
    """

    def __init__(self, parents: Iterable[str]) -> None:
        self.paths: list[str] = []
        self._locks: list[int] = []
        places = tuple(dict.fromkeys(parents))
        for parent in places:
            sweep(parent)
        while not self._make(places):
            self.remove()

    def _make(self, parents: Iterable[str]) -> bool:
        """Make and lock them under a new name; return False if another process's sweep was quicker than a lock."""
        name = f"{PREFIX}{os.getpid()}-{next(_counter)}-{os.urandom(3).hex()}"
        try:
            for parent in parents:
                path = os.path.join(parent, name)
                os.mkdir(path)
                self.paths.append(path)
                self._locks.append(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
                fcntl.flock(self._locks[-1], fcntl.LOCK_EX)
            return all(map(_is_still, self.paths, self._locks))
        except FileNotFoundError:
            if all(map(os.path.isdir, parents)):
                return False
            self.remove()
            raise
        except OSError:
            self.remove()
            raise

    def remove(self) -> None:
        """Remove them; the last processes may need a moment to be gone."""
        deadline = time.monotonic() + _REMOVE_SECONDS
        for path in self.paths:
            while os.path.isdir(path) and time.monotonic() < deadline:
                try:
                    os.rmdir(path)
                except FileNotFoundError:
                    break
                except OSError:  # EBUSY: a process is still dying
                    time.sleep(0.001)
        for lock in self._locks:
            os.close(lock)
        self.paths, self._locks = [], []


def _is_still(path: str, descriptor: int) -> bool:
    """Return whether a path still leads to what was opened."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False


def sweep(parent: str) -> None:
    """Remove the groups below ``parent`` that are empty and not locked."""
    with os.scandir(parent) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX):
                with suppress(OSError):
                    lock = os.open(entry.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                    try:
                        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        os.rmdir(entry.path)
                    finally:
                        os.close(lock)
