"""What is in force in a sandbox: every protection and limit with its mechanism and strength."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox_magic.jail import limit_guards
from sandbox_magic.model.errors import SandboxUnavailable
from sandbox_magic.model.forwards import LOCALHOST
from sandbox_magic.model.isolation import Guard, Isolation

if TYPE_CHECKING:
    from sandbox_magic.jail.cgroup.base import Group
    from sandbox_magic.jail.view.identity import Identity
    from sandbox_magic.model.forwards import Forward
    from sandbox_magic.model.policy import Limits


ATTEMPTS = "attempts"  # the name of the guard that says whether what was tried is listed


def describe(  # noqa: PLR0913 - all that it depends on, each by name
    limits: Limits,
    identity: Identity,
    group: Group,
    *,
    shared: tuple[str, ...],
    bwrap: str,
    counted: bool,
    workspace: str = "",
    watched: str | None = None,
    net: tuple[Forward, ...] = (),
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
        watched: Why what it tries is not watched, though it should be: empty where it is; None where nobody asked.
        net: What the code may connect to.
    """
    words = "your directory stays as it is"
    kept = (Guard(name="workspace", kind="protection", words=words, mechanism=workspace),) if workspace else ()
    listed = () if watched is None else (_attempts(watched),)
    limited = limit_guards.guards(limits, group, counted=counted)
    return Isolation(
        guards=(*_protections(identity, net), *_own_ports(net), *kept, *listed, *limited), shared=shared, bwrap=bwrap
    )


def demand(isolation: Isolation) -> None:
    """Refuse an isolation in which the kernel does not enforce every limit for the run as a whole.

    Raises:
        SandboxUnavailable: A limit would not be enforced; names the limits and what would make the kernel enforce them.
    """
    weak = [guard for guard in isolation.weaker if guard.kind == "limit" or guard.name == ATTEMPTS]
    if weak:
        what = f"--strict: {' and '.join(guard.name for guard in weak)} would not be enforced, so nothing was run"
        seen = "; ".join(f"{guard.name}: {guard.mechanism} [{guard.strength}]" for guard in weak)
        remedy = next((guard.remedy for guard in weak if guard.remedy), "without --strict")
        raise SandboxUnavailable(what, seen=seen, remedy=remedy)


def _attempts(reason: str) -> Guard:
    if not reason:
        words = "what the code tries is listed, as it names it"
        return Guard(name=ATTEMPTS, kind="protection", words=words, mechanism="seccomp user notification")
    return Guard(
        name=ATTEMPTS,
        kind="protection",
        strength="none",
        words="not watched here: what the code tries is not listed",
        mechanism=reason,
        remedy="Linux 5.9 or later, where nothing outside holds the one listener or hides the processes inside",
    )


def _network(net: tuple[Forward, ...]) -> tuple[str, str]:
    """Return what the network is, and by what."""
    own = "network namespace with a loopback of its own"
    if not net:
        return "the code has no network", own
    return f"the code connects to {', '.join(map(str, net))} alone", f"{own}; sockets of the host's that listen in it"


def _own_ports(net: tuple[Forward, ...]) -> tuple[Guard, ...]:
    """Return the line that says which of this machine's own services the code reaches, if it reaches any."""
    own = [f"localhost:{forward.port}" for forward in net if forward.host == LOCALHOST]
    if not own:
        return ()
    words = f"the code reaches this machine's own {', '.join(own)}"
    return (Guard(name="loopback", kind="protection", strength="none", words=words, mechanism="--net localhost:PORT"),)


def _protections(identity: Identity, net: tuple[Forward, ...]) -> tuple[Guard, ...]:
    who = f"host uid {identity.uid}, " + ("which nothing else uses" if identity.dropped else "the caller's own")

    def guard(name: str, words: str, mechanism: str) -> Guard:
        return Guard(name=name, kind="protection", words=words, mechanism=mechanism)

    return (
        guard(
            "files",
            "the code sees only the listed files, read-only, and writes to a home of its own",
            "mount namespace; sockets in sys.path entries masked",
        ),
        guard("network", *_network(net)),
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
