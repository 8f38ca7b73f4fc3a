"""A pause of the run, as PID 1 makes it."""

from __future__ import annotations

import _signal
import os
import time

from . import processes

TICK_SECONDS = 0.05  # between two looks whether a paused run is really still
PAUSE_SECONDS = 615.0  # the host resumes a paused run after 600; if it has not, the run ends


class Pause:
    """A pause, and how much of it counts: only the time in which every process was really stopped.

    A cgroup that the host has frozen stays so. Without one the processes get SIGSTOP, which a
    timer's SIGCONT of their own undoes: what is found running is stopped again, and its time counts.
    """

    def __init__(self, due: float | None, now: float, *, stop: bool) -> None:
        self._due = due
        self._stop = stop
        self._began = self._looked = now
        self.credit: float = 0.0
        if stop:
            processes.send(os.kill, -1, _signal.SIGSTOP)

    def due(self) -> float:
        """Return when the run ends if nothing else happens, and look whether all is still."""
        now = time.monotonic()
        if self._stop and not _all_stopped():
            processes.send(os.kill, -1, _signal.SIGSTOP)
        else:
            self.credit += now - self._looked
        self._looked = now
        latest = self._began + PAUSE_SECONDS
        return latest if self._due is None else min(latest, self._due + self.credit)

    def move(self, seconds: float) -> None:
        """Move the end of the run."""
        self._due = None if self._due is None else self._due + seconds

    def limit(self, due: float | None) -> None:
        """Let the run end at another moment, as it would without what is excluded from now on."""
        self._due = due
        self.credit = 0.0

    def tick(self, left: float | None) -> float:
        """Return when to look again."""
        return TICK_SECONDS if left is None or left > TICK_SECONDS else left

    def end(self) -> float | None:
        """Let them go on; return when the run is due now."""
        self.due()
        processes.send(os.kill, -1, _signal.SIGCONT)
        return None if self._due is None else self._due + self.credit


def _all_stopped() -> bool:
    names = processes.listed()
    return bool(names) and all(map(_stopped, names))


def _stopped(name: str) -> bool:
    return processes.state(name) in (b"", b"Z", b"X", b"T")
