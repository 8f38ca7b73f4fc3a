"""What is in force in a sandbox: every protection and limit with its mechanism and strength."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

from sandbox_magic.model.errors import SandboxUnavailable
from sandbox_magic.model.isolation import Guard, Isolation
from sandbox_magic.model.units import limit_seconds, limit_size

if TYPE_CHECKING:
    from sandbox_magic.jail.cgroup.base import Group
    from sandbox_magic.jail.view.identity import Identity
    from sandbox_magic.model.isolation import Strength
    from sandbox_magic.model.policy import Limits

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
    """Return the isolation of a sandbox that `sandbox_magic.jail.sandbox.Sandbox` started.

    Args:
        limits: Its limits.
        identity: Its host user.
        group: Its control group.
        shared: What it sees of the Python environment.
        bwrap: The bubblewrap in use.
        counted: Whether PID 1 reads the group's count of CPU time.
        workspace: What keeps the host's directory as it is; empty if there is none.
    """
    words = "your directory stays as it is"
    kept = (Guard(name="workspace", kind="protection", words=words, mechanism=workspace),) if workspace else ()
    limited = limit_guards(limits, group, counted=counted)
    return Isolation(guards=(*_protections(identity), *kept, *limited), shared=shared, bwrap=bwrap)


def demand(isolation: Isolation) -> None:
    """Refuse an isolation in which the kernel does not enforce every limit for the run as a whole.

    Raises:
        SandboxUnavailable: A limit would not be enforced; names the limits and what would make the kernel enforce them.
    """
    weak = [guard for guard in isolation.weaker if guard.kind == "limit"]
    if weak:
        what = f"--strict: {' and '.join(guard.name for guard in weak)} would not be enforced, so nothing was run"
        seen = "; ".join(f"{guard.name}: {guard.mechanism} [{guard.strength}]" for guard in weak)
        remedy = next((guard.remedy for guard in weak if guard.remedy), "without --strict")
        raise SandboxUnavailable(what, seen=seen, remedy=remedy)


def _protections(identity: Identity) -> tuple[Guard, ...]:
    who = f"host uid {identity.uid}, " + ("which nothing else uses" if identity.dropped else "the caller's own")

    def guard(name: str, words: str, mechanism: str) -> Guard:
        return Guard(name=name, kind="protection", words=words, mechanism=mechanism)

    return (
        guard(
            "files",
            "the code sees only the listed files, read-only, and writes to a home of its own",
            "mount namespace; sockets in sys.path entries masked",
        ),
        guard("network", "the code has no network", "network namespace with a loopback of its own"),
        guard(
            "processes seen",
            "the code sees only its own processes",
            "PID namespace; PID 1 is sandbox_magic's and undumpable",
        ),
        guard(
            "other namespaces",
            "the code has host names, users and shared memory of its own",
            "user, IPC, UTS and cgroup namespaces; no further user namespaces",
        ),
        guard("privileges", "the code has none on the host", f"{who}; no capability, no_new_privs"),
        guard("terminal", "the code can't type into yours", "a session of its own, no controlling terminal"),
        guard("environment", "the code sees none of your variables", "built from nothing"),
        guard(
            "system calls",
            "the code can make those that programs need",
            "seccomp filter of what is allowed; the rest is an error",
        ),
    )


def limit_guards(limits: Limits, group: Group, *, counted: bool) -> tuple[Guard, ...]:
    """Return what holds each limit; arguments as for `describe`."""
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
