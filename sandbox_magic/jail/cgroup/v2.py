"""cgroup v2 where this process may write a subtree: root, a delegated unit, a container."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from sandbox_magic.jail.cgroup import files
from sandbox_magic.jail.cgroup.base import PERIOD_MICROSECONDS, Directories, Facts, Group, Reading
from sandbox_magic.jail.cgroup.files import read, table, write

if TYPE_CHECKING:
    from sandbox_magic.model.policy import Limits

NEEDED = ("memory", "pids")
WANTED = (*NEEDED, "cpu")


class Group2(Group):
    """One leaf of the unified hierarchy.

    Args:
        limits: The bounds.
        parent: A group whose subtree has the controllers and may be written.

    Raises:
        OSError: The kernel refuses.
    """

    tier = "cgroup v2"
    ends_whole_run: bool = True

    def __init__(self, limits: Limits, parent: str) -> None:
        super().__init__()
        self._directories = Directories([parent])
        self._peak = -1
        self.path: str = self._directories.paths[0]
        self.doors: tuple[str, ...] = (f"{self.path}/cgroup.procs",)
        self.counter: str = f"{self.path}/cpu.stat"
        try:
            self._bound(limits)
        except OSError:
            self.close()
            raise

    def _bound(self, limits: Limits) -> None:
        write(f"{self.path}/memory.max", limits.memory_bytes)
        if os.path.exists(f"{self.path}/memory.swap.max"):  # absent without swap accounting
            write(f"{self.path}/memory.swap.max", 0)
        write(f"{self.path}/memory.oom.group", 1)
        write(f"{self.path}/pids.max", limits.processes)
        if limits.cpus is not None and os.path.exists(f"{self.path}/cpu.max"):
            write(f"{self.path}/cpu.max", f"{int(limits.cpus * PERIOD_MICROSECONDS)} {PERIOD_MICROSECONDS}")
        self.bounds_cpus: bool = os.path.exists(f"{self.path}/cpu.max")

    def holds(self, pid: int) -> bool:
        """Return whether a process has joined."""
        return pid in files.members(self.path)

    def add(self, pid: int) -> None:
        """Move a process into it."""
        write(f"{self.path}/cgroup.procs", pid)

    def reading(self) -> Reading:
        """Return what is used now."""
        memory = table(f"{self.path}/memory.stat")
        charged = int(read(f"{self.path}/memory.current"))  # before the peak, which is not below it
        return Reading(
            pids=tuple(files.members(self.path)),
            tasks=int(read(f"{self.path}/pids.current")),
            cpu_seconds=self._cpu_seconds(),
            anonymous_bytes=memory["anon"],
            shared_bytes=memory["shmem"],
            file_bytes=memory["file"] - memory["shmem"],
            charged_bytes=charged,
            peak_bytes=self._peak_bytes(),
        )

    def _cpu_seconds(self) -> float:
        return table(f"{self.path}/cpu.stat")["usage_usec"] / 1e6

    def facts(self) -> Facts:
        """Return what the kernel counted so far."""
        return Facts(
            oom_kills=table(f"{self.path}/memory.events")["oom_kill"],
            refused_forks=table(f"{self.path}/pids.events")["max"],
            peak_bytes=self._peak_bytes(),
            cpu_seconds=self._cpu_seconds(),
        )

    def _peak_bytes(self) -> int | None:
        if self._peak >= 0:
            return int(os.pread(self._peak, 64, 0))
        path = f"{self.path}/memory.peak"  # Linux 5.19
        return int(read(path)) if os.path.exists(path) else None

    def restart_peak(self) -> None:
        """Let the peak of memory count from now on: Linux 6.12, and only for who reads the same open file."""
        with suppress(OSError):
            peak = os.open(f"{self.path}/memory.peak", os.O_RDWR | os.O_CLOEXEC)
            try:
                os.write(peak, b"reset")
            except OSError:
                os.close(peak)
            else:
                self._peak = peak

    def end_one_at_a_time(self) -> None:
        """Have the kernel kill one process, not all, when memory is short."""
        write(f"{self.path}/memory.oom.group", 0)
        self.ends_whole_run = False

    def kill(self) -> None:
        """Kill every process in it."""
        with suppress(FileNotFoundError):  # Linux 5.14
            write(f"{self.path}/cgroup.kill", 1)

    def freeze(self, *, frozen: bool) -> bool:
        """Stop all processes in it, or let them go on."""
        try:
            write(f"{self.path}/cgroup.freeze", int(frozen))
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Remove it."""
        if self._peak >= 0:
            os.close(self._peak)
            self._peak = -1
        self._directories.remove()


def make(limits: Limits) -> Group2:
    """Make a group below the nearest place that may be written.

    Raises:
        OSError: There is none.
    """
    return Group2(limits, _parent())


_found: list[str] = []


def _parent() -> str:
    if not _found or not os.path.isdir(_found[0]):
        _found[:] = [_look()]
    return _found[0]


def _look() -> str:
    """Look for a group with the controllers in its subtree: our own, one above it, or one made so.

    Under systemd only a group that it has delegated to this process may be used.
    """
    own = unified(files.own(""))
    if _ruled_by_systemd() or os.geteuid() != 0:
        if not _delegated(own):
            msg = "this process's own group is not delegated to it"
            raise PermissionError(msg)
        places = [own]
    else:
        places = _upwards(own)
    for place in places:
        if set(NEEDED) <= set(read(f"{place}/cgroup.subtree_control").split()):
            return place
    for place in reversed(places):
        with suppress(OSError):
            enable(place)
            return place
    _demand_controllers(own)
    if not os.path.exists(f"{own}/cgroup.type"):  # the true top needs no room, so something else is wrong
        msg = f"{own} does not give its controllers to the groups below"
        raise OSError(msg)
    empty(own)
    enable(own)
    return own


def unified(path: str) -> str:
    """Return the directory of a path in the unified hierarchy.

    Raises:
        OSError: It is not mounted, or not at a place that shows the path.
    """
    for point, root, kind, _ in files.mounts():
        if kind == "cgroup2":
            inside = path if root == "/" else os.path.relpath(path, root)
            directory = os.path.normpath(f"{point}/{inside}")
            if os.path.isdir(directory):
                return directory
    msg = "cgroup v2 is not mounted, or not where this process could see its own group"
    raise OSError(msg)


def _upwards(directory: str) -> list[str]:
    """Return a group and those above it, up to the mount."""
    found = [directory]
    while os.path.exists(f"{os.path.dirname(found[-1])}/cgroup.procs"):
        found.append(os.path.dirname(found[-1]))
    return found


def _delegated(directory: str) -> bool:
    """Return whether we may manage this group: systemd marks those that it has delegated."""
    if os.stat(directory).st_uid != os.geteuid() or not os.access(f"{directory}/cgroup.subtree_control", os.W_OK):
        return False
    if not _ruled_by_systemd():
        return True
    mark = "trusted.delegate" if os.geteuid() == 0 else "user.delegate"
    with suppress(OSError):
        return os.getxattr(directory, mark) == b"1"
    return False


def _ruled_by_systemd() -> bool:
    return os.path.isdir("/run/systemd/system")  # sd_booted(3)


def enable(directory: str) -> None:
    """Return the controllers to the groups below; the CPU one where it is to be had.

    Raises:
        OSError: The kernel refuses (EBUSY: there are processes in the group itself).
    """
    there = _demand_controllers(directory)
    write(f"{directory}/cgroup.subtree_control", " ".join(f"+{name}" for name in WANTED if name in there))


def _demand_controllers(directory: str) -> list[str]:
    there = read(f"{directory}/cgroup.controllers").split()
    if missing := [name for name in NEEDED if name not in there]:
        msg = f"{directory} has no controller {' and '.join(missing)}"
        raise OSError(msg)
    return there


def empty(directory: str) -> None:
    """Move a group's own processes into a group below, for only then may the subtree have controllers.

    That is how a container that has a cgroup of its own makes room (the rule of "no internal
    processes", cgroups(7)).

    Raises:
        OSError: The kernel refuses.
    """
    below = f"{directory}/processes"
    os.makedirs(below, exist_ok=True)
    for pid in read(f"{directory}/cgroup.procs").split():
        with suppress(ProcessLookupError):
            write(f"{below}/cgroup.procs", pid)
