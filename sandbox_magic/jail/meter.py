"""Samples of what a sandbox's processes use: the control group's counters, /proc and psutil for the rest.

The processes are found in the group, or else in PID 1's own tree, never by a scan of the host, so
the cost does not depend on what else runs there.
"""

from __future__ import annotations

import errno
import functools
import os
import time
from contextlib import suppress
from math import isnan
from typing import TYPE_CHECKING

from sandbox_magic.jail import process_memory
from sandbox_magic.jail.cgroup.base import Group, Reading
from sandbox_magic.model.timeline import Sample
from sandbox_magic.safe_import import importing

if TYPE_CHECKING:
    from types import ModuleType

    import psutil

    from sandbox_magic.jail.process_memory import Status

_FINEST_SECONDS = 0.01
_COARSEST_SECONDS = 0.25
_SHARE_OF_TIME = 0.02  # the interval grows with the run: 1 s in, every 20 ms
_MOST_COST = 0.02  # of one core
_SLOW_SECONDS = 0.05  # for one look at memory: a process can make its PSS as slow to read as it likes
_FEW = 4  # processes
_UNSURE = 2**20 + 64 * 4096 * (os.cpu_count() or 1)  # bytes: a group counts ahead, up to 64 pages on each processor
_NO_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # nothing can be opened, so nothing is known
_LARGE_TABLES = 16 * 2**20  # bytes of page tables, which the kernel walks for the PSS: about as slow as that


class Meter:
    """Takes samples of one sandbox.

    Attributes:
        memory_source: ``cgroup``, ``pss``, or ``rss`` once a process could not be read so closely.
        lost: Whether the group could not be read any more, because it has been removed.
        blind_seconds: For how long no look was possible, because no file could be opened: the code has taken all that
            the machine has (``fs.file-max``), or this process has no more of its own.
        cpu_before: CPU seconds used before "go", which are not the cell's.

    Args:
        pid: The process id of the sandbox's PID 1 on the host, while nothing untrusted runs yet.
        group: The sandbox's control group.
        since_now: Whether what its processes have read and written, and the peak that the group counts, begin now.
    """

    def __init__(self, pid: int, group: Group, *, since_now: bool = False) -> None:
        self._psutil = _import_psutil()
        self._pid = pid
        self._group = group
        self._processes: dict[int, psutil.Process | None] = {}
        self._transferred: dict[int, tuple[int, int]] = {}
        self._cost = 0.0
        self.lost: bool = False
        self.blind_seconds: float = 0.0
        reading = self._reading()
        self._peak = reading.peak_bytes or 0  # of the group, up to the sample before
        self._kernel = _kernel(reading)
        self._held = 0
        self._sampled = False
        self._most: dict[int, int] = {}  # of each process, likewise
        self.memory_source = "pss" if reading.anonymous_bytes is None else "cgroup"
        self.cpu_before: float = self._cpu(reading)
        self._last = time.monotonic(), 0.0  # moment and CPU seconds of the sample before
        self._moved_before = 0, 0
        if since_now:
            self._peak = 0
            read, written = self._bytes_moved(reading.pids)
            self._moved_before = read or 0, written or 0

    def forget_peak(self) -> None:
        """Take the group's peak as one that counts from now on."""
        self._peak = 0

    def begin(self, cpu_seconds: float) -> None:
        """Count from now on: what a compiler used is not the code's.

        Args:
            cpu_seconds: What the group had counted then; NaN where it is not known.
        """
        self.cpu_before = self._cpu(self._reading()) if isnan(cpu_seconds) else cpu_seconds
        self._last = time.monotonic(), 0.0

    def interval(self, elapsed: float) -> float:
        """Return the seconds to the next sample: fine at first, wider with the time of the run and with cost."""
        share = _SHARE_OF_TIME * elapsed
        return max(min(max(share, _FINEST_SECONDS), _COARSEST_SECONDS), self._cost / _MOST_COST)

    def sample(self, elapsed: float) -> Sample:
        """Read everything once; nothing is known of what can't be looked at.

        Args:
            elapsed: The time of the run, which is the sample's.
        """
        if not _can_look():
            self.blind_seconds = time.monotonic() - self._last[0]
            return Sample(seconds=elapsed)
        self.blind_seconds = 0.0
        began = time.thread_time()
        known = self._peak, self._sampled
        self._sampled = True
        reading = self._reading()
        cpu = self._cpu(reading) - self.cpu_before
        statuses = self._statuses(reading)
        read, written = self._bytes_moved(reading.pids)
        sample = Sample(
            seconds=elapsed,
            cpu_seconds=cpu,
            cpu_percent=self._percent(cpu),
            memory_bytes=self._memory(reading, statuses),
            anonymous_bytes=reading.anonymous_bytes,
            shared_bytes=reading.shared_bytes,
            file_bytes=reading.file_bytes,
            processes=self._alive_now(reading),
            threads=sum(each.threads for each in statuses.values()) if reading.tasks is None else reading.tasks,
            read_bytes=read,
            written_bytes=written,
        )
        if not sample.processes:  # of after the exit, so it is dropped: what it tells of the peak is told at the end
            self._peak, self._sampled = known
        self._cost = time.thread_time() - began
        return sample

    def _reading(self) -> Reading:
        """Read the group; without one, or if it was taken away, find the processes below PID 1."""
        reading = None
        if not self.lost:
            try:
                reading = self._group.reading()
            except (OSError, KeyError, ValueError) as error:
                self.lost = getattr(error, "errno", None) not in _NO_FILES
        pids = _tree(self._pid) if reading is None else reading.pids
        self._processes = {pid: self._processes.get(pid) or self._process(pid) for pid in pids}
        return reading or Reading(pids=tuple(pids))

    def _process(self, pid: int) -> psutil.Process | None:
        try:
            found: psutil.Process = self._psutil.Process(pid)
        except (self._psutil.Error, OSError):
            return None
        return found

    def _alive_now(self, reading: Reading) -> int:
        """Return how many processes are not on their way out; of many, looked at only where memory was given back.

        Of a few always: on a busy machine a sample may be the first, and of the moment in which all of them end.
        """
        held = (reading.anonymous_bytes or 0) + (reading.shared_bytes or 0)
        before, self._held = self._held, held
        if len(reading.pids) > _FEW and reading.anonymous_bytes is not None and held >= before:
            return len(reading.pids)
        return sum(not process_memory.is_ending(pid) for pid in reading.pids)

    def _alive(self, reading: Reading) -> list[psutil.Process]:
        return [process for pid in reading.pids if (process := self._processes.get(pid)) is not None]

    def _cpu(self, reading: Reading) -> float:
        """Return the CPU seconds of all processes so far: live ones, and those that were waited for."""
        if reading.cpu_seconds is not None:
            return reading.cpu_seconds
        total = 0.0
        for process in self._alive(reading):
            with suppress(self._psutil.Error, OSError):
                times = process.cpu_times()
                total += _cpu_clock(process.pid) + times.children_user + times.children_system
        with suppress(self._psutil.Error, OSError):
            times = self._psutil.Process(self._pid).cpu_times()
            total += times.children_user + times.children_system
        return total

    def _statuses(self, reading: Reading) -> dict[int, Status]:
        """Read the status of each process, for what the group does not count."""
        statuses: dict[int, Status] = {}
        if None in {reading.anonymous_bytes, reading.shared_bytes, reading.tasks}:
            for pid in reading.pids:
                with suppress(OSError):  # it has just ended
                    statuses[pid] = process_memory.status(pid)
        return statuses

    def _memory(self, reading: Reading, statuses: dict[int, Status]) -> int | None:
        if reading.anonymous_bytes is not None and reading.shared_bytes is not None:
            return self._highest(reading, reading.anonymous_bytes + reading.shared_bytes)
        began, total = time.monotonic(), 0
        for pid, status in statuses.items():
            total += status.table_bytes + status.huge_bytes
            with suppress(OSError):
                total += self._share(pid, status, alone=len(statuses) == 1)
            if self.memory_source == "pss" and time.monotonic() - began > _SLOW_SECONDS:
                self.memory_source = "rss"  # very many mappings, say: the limits wait for this sample
        return total

    def _highest(self, reading: Reading, now: int) -> int:
        """Return the most since the sample before: the group's own peak if that rose, less what is no memory of it."""
        peak, before = reading.peak_bytes or 0, self._peak
        self._peak = max(peak, before)
        most = peak - self._beside(reading)
        return most if peak > before and most > now + _UNSURE else now

    def _beside(self, reading: Reading) -> int:
        """Return what the group is charged for beside its memory.

        While much is given back the charge stays behind, so of the kernel's own the least of two looks counts.
        """
        before, self._kernel = self._kernel, _kernel(reading)
        return (reading.file_bytes or 0) + min(before, self._kernel)

    def last_peak(self) -> int | None:
        """Return the most memory since the last sample, once everything is dead; None if that is not known."""
        reading = self._reading()
        if reading.peak_bytes is None or (self._sampled and reading.peak_bytes <= self._peak):
            return None  # without a sample the most before "go" is the best that is known
        return reading.peak_bytes - self._beside(reading)

    def _share(self, pid: int, status: Status, *, alone: bool) -> int:
        """Return its share of memory. PSS walks every page, so a process that shares with none is read by RSS."""
        if not alone and self.memory_source != "rss":
            try:
                if status.table_bytes <= _LARGE_TABLES:
                    return process_memory.proportional_bytes(pid)
            except PermissionError:
                pass
            self.memory_source = "rss"
        before, self._most[pid] = self._most.get(pid, status.most_bytes), status.most_bytes
        return max(status.resident_bytes, status.most_bytes if status.most_bytes > before else 0)

    def _bytes_moved(self, pids: tuple[int, ...]) -> tuple[int | None, int | None]:
        """Return bytes read and written by all processes that could be read; None if none could (undumpable)."""
        for pid in pids:
            with suppress(self._psutil.Error, OSError):
                if (process := self._processes.get(pid)) is not None:
                    counters = process.io_counters()
                    self._transferred[pid] = (counters.read_chars, counters.write_chars)
        if not self._transferred:
            return None, None
        read, written = (sum(values) for values in zip(*self._transferred.values(), strict=True))
        return read - self._moved_before[0], written - self._moved_before[1]

    def _percent(self, cpu: float) -> float | None:
        (before, cpu_before), now = self._last, time.monotonic()
        self._last = now, cpu
        return max(0.0, 100 * (cpu - cpu_before) / (now - before)) if now > before else None


@functools.cache  # to look where the working directory is costs as much as a reading of the group
def _import_psutil() -> ModuleType:
    with importing():
        import psutil
    return psutil


def _can_look() -> bool:
    """Return whether a file of /proc can be opened at all."""
    try:
        os.close(os.open("/proc/self/stat", os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return error.errno not in _NO_FILES
    return True


def _kernel(reading: Reading) -> int:
    """Return what the kernel needs for a group itself: its tables, its stacks."""
    known = (reading.anonymous_bytes, reading.shared_bytes, reading.file_bytes)
    return max(0, (reading.charged_bytes or 0) - sum(value or 0 for value in known))


def _tree(pid: int) -> list[int]:
    """Return every process below this one, itself left out."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = _children(waiting.pop())
        found += children
        waiting += children
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with suppress(OSError):  # it has just ended
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError), open(f"/proc/{pid}/task/{thread}/children") as listed:
                children += map(int, listed.read().split())
    return children


def _cpu_clock(pid: int) -> float:
    """Return a process's own CPU seconds from its clock: nanoseconds, where /proc has hundredths.

    Raises:
        OSError: It has ended.
    """
    return time.clock_gettime((~pid << 3) | 2)  # clock_getcpuclockid(3)
