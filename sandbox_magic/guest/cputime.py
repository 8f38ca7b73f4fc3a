"""The limit of CPU time as PID 1 holds it: it does not depend on anybody who pulls events."""

from __future__ import annotations

import os
import resource

from . import processes

SOONEST_SECONDS = 0.01  # between two looks when the limit is near
_TICKS = os.sysconf("SC_CLK_TCK")


class CpuTime:
    """What all processes of the run may use together, from now on.

    Args:
        limit: In seconds.
        counter: A descriptor of the control group's own count (``cpuacct.usage`` of v1, in
            nanoseconds; ``cpu.stat`` of v2, which begins with ``usage_usec``); -1 where there is none.
            Then what /proc shows of the living is added to what PID 1 knows of the dead: the
            children of a process that ignores SIGCHLD are in neither.
    """

    def __init__(self, limit: float, counter: int) -> None:
        self._counter = counter
        self._limit = limit + self._used()

    def next_look(self) -> float:
        """Return the seconds to the next look, for all processors may be at work; 0 if the limit is reached."""
        left = self._limit - self._used()
        return max(SOONEST_SECONDS, left / (os.cpu_count() or 1)) if left > 0 else 0.0

    def _used(self) -> float:
        if self._counter < 0:
            return of_all()
        try:
            return of_group(self._counter)
        except OSError:  # somebody took the group away
            self._counter = -1
            return of_all()


def of_group(counter: int) -> float:
    """Return the CPU seconds that a control group has counted.

    Raises:
        OSError: It is gone.
    """
    first = os.pread(counter, 4096, 0).split(b"\n")[0].split()
    return int(first[0]) / 1e9 if len(first) == 1 else int(first[1]) / 1e6


def of_all() -> float:
    """Return the CPU seconds of all processes but PID 1, living and dead."""
    dead = resource.getrusage(resource.RUSAGE_CHILDREN)
    ticks = 0
    for name in processes.listed():
        if name.isdigit() and name != "1":
            try:
                with open("/proc/%s/stat" % name, "rb") as stat:
                    # utime, stime, cutime, cstime: fields 14 to 17 of proc(5)
                    ticks += sum(map(int, stat.read().rpartition(b")")[2].split()[11:15]))
            except OSError:  # it has just ended
                continue
    return dead.ru_utime + dead.ru_stime + ticks / _TICKS
