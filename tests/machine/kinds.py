"""The kinds of machine: what each one is, as a table of values."""

from __future__ import annotations

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of machine, and as whom the commands run there."""

    name: str
    about: str
    systemd: bool = False
    """systemd is PID 1; otherwise the guest's own init.py."""
    root: bool = False
    """Commands run as root; otherwise as an ordinary user."""
    inside: bool = False
    """Commands run in a scope of the user's own systemd; otherwise as a system service does."""
    cgroup: Literal["v2", "v1", "nested"] = "v2"
    """What init.py mounts (systemd mounts v2 itself); nested: a container's root, not the top."""
    bwrap: Literal["debian", "newest", "none"] = "debian"
    user_namespaces: bool = True
    refuses: bool = False
    """No sandbox can start here: every run must be refused."""
    tier: Literal["cgroup v2", "cgroup v2 by systemd", "cgroup v1", "none"] = "none"
    """The control group that a sandbox must have here: the best that this machine has."""
    whole: bool = False
    """All that is selected is run here; otherwise the denials and the limits only (`selection`)."""


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            name="user-systemd",
            about="ordinary user, systemd, cgroup v2 delegated; from a session outside the user slice",
            systemd=True,
            tier="cgroup v2 by systemd",
            whole=True,
        ),
        Kind(
            name="user-systemd-inside",
            about="the same, from a scope inside the user slice",
            systemd=True,
            inside=True,
            tier="cgroup v2 by systemd",
        ),
        Kind(
            name="root-systemd",
            about="root of a machine that systemd runs",
            systemd=True,
            root=True,
            tier="cgroup v2 by systemd",
        ),
        Kind(name="root-v2", about="root, cgroup v2, no systemd", root=True, tier="cgroup v2", whole=True),
        Kind(
            name="root-v2-nested",
            about="root in a container: cgroup v2 below the top, own cgroup namespace, no systemd",
            root=True,
            cgroup="nested",
            tier="cgroup v2",
        ),
        Kind(
            name="root-v1",
            about="root, cgroup v1 (memory, pids, cpu, cpuacct, freezer)",
            root=True,
            cgroup="v1",
            tier="cgroup v1",
            whole=True,
        ),
        Kind(name="user-no-cgroup", about="ordinary user, no cgroup to write, no systemd", whole=True),
        Kind(name="new-bwrap", about="the same, with the newest bwrap instead of Debian's", bwrap="newest"),
        Kind(name="no-bwrap", about="ordinary user, no bwrap: must refuse", bwrap="none", refuses=True),
        Kind(
            name="no-userns",
            about="ordinary user, user namespaces switched off: must refuse",
            user_namespaces=False,
            refuses=True,
        ),
    )
}
