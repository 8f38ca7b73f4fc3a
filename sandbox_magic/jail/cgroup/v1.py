"""cgroup v1, for root: the memory and pids controllers, and the CPU ones where they are mounted.

v1 kills one process of a group that is out of memory, not all; the loop sees the count rise and
ends the rest.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from sandbox_magic.jail.cgroup import files
from sandbox_magic.jail.cgroup.base import PERIOD_MICROSECONDS, Directories, Facts, Group, Reading
from sandbox_magic.jail.cgroup.files import read, table, write

if TYPE_CHECKING:
    from sandbox_magic.model.policy import Limits


class Group1(Group):
    """One group, below our own in each hierarchy.

    Raises:
        OSError: A hierarchy is not mounted, or may not be written.
    """

    tier = "cgroup v1"

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        parents = {name: _hierarchy(name) for name in ("memory", "pids")}
        for name in ("cpu", "cpuacct"):
            with suppress(OSError):
                parents[name] = _hierarchy(name)
        self._directories = Directories(parents.values())
        name = os.path.basename(self._directories.paths[0])
        self._at = {controller: f"{parent}/{name}" for controller, parent in parents.items()}
        self.bounds_cpus: bool = "cpu" in self._at
        self.counter: str = f"{self._at['cpuacct']}/cpuacct.usage" if "cpuacct" in self._at else ""
        self.doors: tuple[str, ...] = tuple(f"{path}/tasks" for path in self._directories.paths)
        try:
            self._bound(limits)
        except OSError:
            self.close()
            raise

    def _bound(self, limits: Limits) -> None:
        memory = self._at["memory"]
        write(f"{memory}/memory.limit_in_bytes", limits.memory_bytes)
        with suppress(FileNotFoundError):  # without swap accounting there is no bound on it, so use none
            write(f"{memory}/memory.memsw.limit_in_bytes", limits.memory_bytes)
        with suppress(FileNotFoundError):
            write(f"{memory}/memory.swappiness", 0)
        with suppress(FileNotFoundError):  # unread data in sockets, which v1 counts apart from memory
            write(f"{memory}/memory.kmem.tcp.limit_in_bytes", limits.memory_bytes // 4)
        write(f"{self._at['pids']}/pids.max", limits.processes)
        if limits.cpus is not None and self.bounds_cpus:
            write(f"{self._at['cpu']}/cpu.cfs_period_us", PERIOD_MICROSECONDS)
            write(f"{self._at['cpu']}/cpu.cfs_quota_us", int(limits.cpus * PERIOD_MICROSECONDS))

    def holds(self, pid: int) -> bool:
        """Return whether a process has joined."""
        return all(pid in files.members(path) for path in self._directories.paths)

    def add(self, pid: int) -> None:
        """Move a process into it."""
        for path in self._directories.paths:
            write(f"{path}/cgroup.procs", pid)

    def reading(self) -> Reading:
        """Return what is used now."""
        memory = table(f"{self._at['memory']}/memory.stat")
        charged = int(read(f"{self._at['memory']}/memory.usage_in_bytes"))  # before the peak, which is not below it
        return Reading(
            pids=tuple(files.members(self._at["pids"])),
            tasks=int(read(f"{self._at['pids']}/pids.current")),
            cpu_seconds=self._cpu_seconds(),
            anonymous_bytes=memory["rss"],
            shared_bytes=memory["shmem"],
            file_bytes=memory["cache"] - memory["shmem"],
            charged_bytes=charged,
            peak_bytes=self._peak_bytes(),
        )

    def _cpu_seconds(self) -> float | None:
        return int(read(f"{self._at['cpuacct']}/cpuacct.usage")) / 1e9 if "cpuacct" in self._at else None

    def facts(self) -> Facts:
        """Return what the kernel counted so far."""
        memory = self._at["memory"]
        return Facts(
            oom_kills=table(f"{memory}/memory.oom_control").get("oom_kill", 0),  # Linux 4.13
            refused_forks=table(f"{self._at['pids']}/pids.events")["max"],
            peak_bytes=self._peak_bytes(),
            cpu_seconds=self._cpu_seconds(),
        )

    def restart_peak(self) -> None:
        """Let the peak of memory count from now on."""
        with suppress(OSError):
            write(f"{self._at['memory']}/memory.max_usage_in_bytes", 0)

    def _peak_bytes(self) -> int:
        return int(read(f"{self._at['memory']}/memory.max_usage_in_bytes"))

    def close(self) -> None:
        """Remove it."""
        self._directories.remove()


def _hierarchy(controller: str) -> str:
    """Return our own group's directory in a controller's hierarchy.

    Raises:
        OSError: It is not mounted.
    """
    own = files.own(controller)
    for point, root, kind, options in files.mounts():
        if kind == "cgroup" and controller in options:
            inside = own if root == "/" else os.path.relpath(own, root)
            directory = os.path.normpath(f"{point}/{inside}")
            return directory if os.path.isdir(directory) else point
    msg = f"no cgroup v1 hierarchy of {controller} is mounted"
    raise OSError(msg)
