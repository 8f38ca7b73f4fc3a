"""What is in force in a sandbox: every protection and limit with its mechanism and strength."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

from sandbox_magic.model.errors import SandboxUnavailable
from sandbox_magic.model.result import Guard, Isolation, seconds, size

if TYPE_CHECKING:
    from sandbox_magic.jail.cgroup.base import Group
    from sandbox_magic.jail.view.identity import Identity
    from sandbox_magic.model.policy import Limits

_NOT_ASKED = "no bound asked for"
_REMEDY = (
    "log in through systemd with cgroup v2 (loginctl enable-linger $USER for a server), "
    "or in a container delegate a cgroup to it"
)


def describe(  # noqa: PLR0913 - all that it depends on, each by name
    limits: Limits,
    identity: Identity,
    group: Group,
    *,
    shared: tuple[str, ...],
    bwrap: str,
    counted: bool,
    workspace: str = "",
) -> Isolation:
    """Give the isolation of a sandbox that `sandbox_magic.jail.sandbox.Sandbox` started.

    Args:
        limits: Its limits.
        identity: Its host user.
        group: Its control group.
        shared: What it sees of the Python environment.
        bwrap: The bubblewrap in use.
        counted: Whether PID 1 reads the group's count of CPU time.
        workspace: What keeps the host's directory as it is; empty if there is none.
    """
    kept = (Guard(name="workspace", kind="protection", mechanism=workspace),) if workspace else ()
    limited = _limits(limits, group, counted=counted)
    return Isolation(guards=(*_protections(identity), *kept, *limited), shared=shared, bwrap=bwrap)


def demand(isolation: Isolation) -> None:
    """Refuse an isolation in which a limit is held by less than the kernel for the run as a whole.

    Raises:
        SandboxUnavailable: It is such a one; names the limits and what would make them hold.
    """
    weak = [guard for guard in isolation.weaker if guard.kind == "limit"]
    if weak:
        what = f"--strict: {' and '.join(guard.name for guard in weak)} would not be enforced, so nothing was run"
        seen = "; ".join(f"{guard.name}: {guard.mechanism} [{guard.strength}]" for guard in weak)
        remedy = next((guard.remedy for guard in weak if guard.remedy), "without --strict")
        raise SandboxUnavailable(what, seen=seen, remedy=remedy)


def _protections(identity: Identity) -> tuple[Guard, ...]:
    who = f"host uid {identity.uid}" + (", nothing else's" if identity.dropped else ", the caller's own")

    def guard(name: str, mechanism: str) -> Guard:
        return Guard(name=name, kind="protection", mechanism=mechanism)

    return (
        guard("files", "mount namespace: only the listed paths, read-only; sockets in sys.path entries masked"),
        guard("network", "network namespace with a loopback of its own"),
        guard("processes seen", "PID namespace; PID 1 is ours and undumpable"),
        guard("other namespaces", "user, IPC, UTS and cgroup namespaces; no further user namespaces"),
        guard("privileges", f"{who}; no capability, no_new_privs"),
        guard("terminal", "a session of its own, no controlling terminal"),
        guard("environment", "built from nothing"),
        guard("system calls", "seccomp filter of what is allowed; the rest is EPERM or ENOSYS"),
    )


def _limits(limits: Limits, group: Group, *, counted: bool) -> tuple[Guard, ...]:
    def guard(name: str, mechanism: str) -> Guard:
        return Guard(name=name, kind="limit", mechanism=mechanism)

    wall = _NOT_ASKED if limits.wall_seconds is None else f"{seconds(limits.wall_seconds)}, PID 1's own clock"
    return (
        guard("timeout", wall),
        _cpu_time(limits, group, counted=counted),
        _memory(limits, group),
        _processes(limits, group),
        _cpus(limits, group),
        guard("disk", f"{size(limits.disk_bytes)}, tmpfs size"),
        guard("open-files", f"{limits.open_files} in each process, RLIMIT_NOFILE"),
        guard("output-limit", f"{size(limits.output_bytes)} of each stream, kept by the host"),
    )


def _cpu_time(limits: Limits, group: Group, *, counted: bool) -> Guard:
    if limits.cpu_seconds is None:
        return Guard(name="cpu-time", kind="limit", mechanism=_NOT_ASKED)
    asked = seconds(limits.cpu_seconds)
    if counted:
        return Guard(name="cpu-time", kind="limit", mechanism=f"{asked}, {group.tier} CPU accounting, held by PID 1")
    mechanism = f"{asked}, samples of its processes, by PID 1 too; RLIMIT_CPU in each"
    return Guard(name="cpu-time", kind="limit", strength="watched", mechanism=mechanism, remedy=_REMEDY)


def _memory(limits: Limits, group: Group) -> Guard:
    asked = size(limits.memory_bytes)
    if group.tier != "none":
        return Guard(name="memory", kind="limit", mechanism=f"{asked}, {group.tier} memory controller, without swap")
    # What no process has mapped (a memfd, data in sockets) is in neither.
    mechanism = f"{asked} of what is mapped and its page tables, samples of its processes; RLIMIT_DATA in each"
    return Guard(name="memory", kind="limit", strength="watched", mechanism=mechanism, remedy=_REMEDY)


def _processes(limits: Limits, group: Group) -> Guard:
    asked = str(limits.processes)
    if group.tier != "none":
        return Guard(name="processes", kind="limit", mechanism=f"{asked}, {group.tier} pids controller")
    if kernel() >= (5, 14):
        return Guard(name="processes", kind="limit", mechanism=f"{asked}, RLIMIT_NPROC of the user namespace")
    mechanism = f"{asked}, RLIMIT_NPROC, all of the user's processes counted (Linux before 5.14)"
    return Guard(name="processes", kind="limit", strength="per process", mechanism=mechanism, remedy=_REMEDY)


def _cpus(limits: Limits, group: Group) -> Guard:
    if limits.cpus is None:
        return Guard(name="cpus", kind="limit", mechanism=_NOT_ASKED)
    if group.bounds_cpus:
        return Guard(name="cpus", kind="limit", mechanism=f"{limits.cpus:g}, {group.tier} CPU quota")
    mechanism = f"{limits.cpus:g}, told to numeric libraries only"
    return Guard(name="cpus", kind="limit", strength="none", mechanism=mechanism, remedy=_REMEDY)


@functools.lru_cache(maxsize=1)
def kernel() -> tuple[int, int]:
    """Give the kernel's version, major and minor."""
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int("".join(filter(str.isdigit, minor.split("-")[0])) or 0)
