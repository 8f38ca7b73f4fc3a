"""What holds each limit: the resource limits of each process (setrlimit(2)), and what the isolation says of it."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

from sandbox_magic.model.isolation import Guard
from sandbox_magic.model.units import limit_seconds, limit_size

if TYPE_CHECKING:
    from sandbox_magic.jail.cgroup.base import Group
    from sandbox_magic.model.isolation import Strength
    from sandbox_magic.model.policy import Limits

_REMEDY = (
    "log in through systemd with cgroup v2 (loginctl enable-linger $USER for a server), "
    "or in a container delegate a cgroup to it"
)
_STACK_BYTES = 8 * 2**20


def rlimits(limits: Limits, group: Group) -> str:
    """Return the resource limits of each process of the cell, in the guest's form."""
    values = {
        "CORE": 1,  # 1 and not 0: a core_pattern that is a pipe ignores 0, core(5)
        "NOFILE": limits.open_files,
        "STACK": _STACK_BYTES,
        "MEMLOCK": 64 * 1024,
        "NICE": 0,
        "RTPRIO": 0,
    }
    if group.tier == "none":
        values["DATA"] = limits.memory_bytes
        values["FSIZE"] = max(limits.memory_bytes, limits.disk_bytes)  # a memfd is bounded by nothing else
        values["NPROC"] = limits.processes + 2  # PID 1 has two threads
    if limits.cpu_seconds is not None:
        values["CPU"] = int(limits.cpu_seconds) + 2  # a backstop behind the watch
    return " ".join(f"{name}={value}" for name, value in values.items())


def times(limits: Limits, *, counted: bool) -> tuple[str, str]:
    """Return the limits on real and CPU time in PID 1's form; the latter says whether it reads the group's count."""
    wall = "" if limits.wall_seconds is None else repr(limits.wall_seconds)
    cpu = "" if limits.cpu_seconds is None else f"{limits.cpu_seconds!r} {'counted' * counted}"
    return wall, cpu


def guards(limits: Limits, group: Group, *, counted: bool) -> tuple[Guard, ...]:
    """Return what holds each limit; arguments as for `sandbox_magic.jail.isolation.describe`."""
    wall = limits.wall_seconds
    return (
        _NO_TIMEOUT if wall is None else _limit("timeout", limit_seconds(wall), "PID 1's own clock"),
        _cpu_time(limits, group, counted=counted),
        _memory(limits, group),
        _processes(limits, group),
        _cpus(limits, group),
        _limit("disk", limit_size(limits.disk_bytes), "tmpfs size"),
        _limit("open-files", f"{limits.open_files} in each process", "RLIMIT_NOFILE"),
        _limit("output-limit", f"{limit_size(limits.output_bytes)} of each stream", "kept by the host"),
    )


def _limit(name: str, words: str, mechanism: str, strength: Strength = "enforced") -> Guard:
    remedy = "" if strength == "enforced" else _REMEDY
    return Guard(name=name, kind="limit", words=words, mechanism=mechanism, strength=strength, remedy=remedy)


_NO_TIMEOUT, _NO_CPU_TIME, _NO_CPUS = (
    _limit(name, "no limit asked for", "") for name in ("timeout", "cpu-time", "cpus")
)


def _cpu_time(limits: Limits, group: Group, *, counted: bool) -> Guard:
    if limits.cpu_seconds is None:
        return _NO_CPU_TIME
    asked = limit_seconds(limits.cpu_seconds)
    if counted:
        return _limit("cpu-time", asked, f"{group.tier} CPU accounting, held by PID 1")
    return _limit("cpu-time", asked, "samples of its processes, by PID 1 too; RLIMIT_CPU in each", "watched")


def _memory(limits: Limits, group: Group) -> Guard:
    asked = limit_size(limits.memory_bytes)
    if group.tier != "none":
        return _limit("memory", asked, f"{group.tier} memory controller, without swap")
    # What no process has mapped (a memfd, data in sockets) is in neither.
    mechanism = "of what is mapped and its page tables: samples of its processes; RLIMIT_DATA in each"
    return _limit("memory", asked, mechanism, "watched")


def _processes(limits: Limits, group: Group) -> Guard:
    asked = f"{limits.processes}, threads included"
    if group.tier != "none":
        return _limit("processes", asked, f"{group.tier} pids controller")
    if kernel() >= (5, 14):
        return _limit("processes", asked, "RLIMIT_NPROC of the user namespace")
    mechanism = "RLIMIT_NPROC, which counts all processes of the user (Linux before 5.14)"
    return _limit("processes", asked, mechanism, "per process")


def _cpus(limits: Limits, group: Group) -> Guard:
    if limits.cpus is None:
        return _NO_CPUS
    asked = f"{limits.cpus:g}"
    if group.bounds_cpus:
        return _limit("cpus", asked, f"{group.tier} CPU quota")
    return _limit("cpus", asked, "advisory: thread counts for numeric libraries", "none")


@functools.lru_cache(maxsize=1)
def kernel() -> tuple[int, int]:
    """Return the kernel's version, major and minor."""
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int("".join(filter(str.isdigit, minor.split("-")[0])) or 0)
