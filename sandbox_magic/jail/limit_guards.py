"""The resource limits of each process of the cell: setrlimit(2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox_magic.jail.cgroup.base import Group
    from sandbox_magic.model.policy import Limits

_STACK_BYTES = 8 * 2**20


def words(limits: Limits, group: Group) -> str:
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
