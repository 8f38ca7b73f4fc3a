"""What it means when bwrap refuses to start, and the remedy: a table over its own words."""

from __future__ import annotations

import re

from sandbox_magic.errors import SandboxUnavailable
from sandbox_magic.jail.bubblewrap import INSTALL

_USERNS = (
    "sysctl -w user.max_user_namespaces=15000 (and kernel.unprivileged_userns_clone=1 where it exists), as root; "
    "in a container also --security-opt seccomp=unconfined, or a profile that allows clone and unshare"
)
_APPARMOR = (
    "install Ubuntu's own bubblewrap and its AppArmor profile (apt install bubblewrap apparmor-profiles), or as root: "
    "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
)

# (what bwrap says, what it means, what mends it); the first match counts.
_TABLE = (
    (
        r"[Cc]an't mount proc",
        "a container masks parts of /proc, so no new /proc can be mounted",
        "start the container with --security-opt systempaths=unconfined; in Kubernetes, procMount: Unmasked",
    ),
    (
        r"setting up uid map: Permission denied|loopback: Failed RTM_NEWADDR",
        "AppArmor restricts unprivileged user namespaces (Ubuntu 23.10 and later)",
        _APPARMOR,
    ),
    (
        r"[Nn]o permissions to create|[Cc]reating new namespace failed|max_user_namespaces|unprivileged_userns_clone",
        "this system or container does not let this user make user namespaces",
        _USERNS,
    ),
    (r"[Uu]nknown option", "this bubblewrap is too old", INSTALL),
    (
        r"[Cc]an't find source path .+: Permission denied",
        "the user that the sandbox runs as can't read a path that it needs",
        "make the path readable for others",
    ),
    (
        r"execvp .+: (?:Permission denied|No such file)",
        "the Python inside can't be started",
        "--python system, or make the environment's files readable for others",
    ),
    (r"PR_SET_SECCOMP", "this kernel has no system-call filters", "a kernel with CONFIG_SECCOMP_FILTER"),
)


def unavailable(seen: str) -> SandboxUnavailable:
    """Give the error for a sandbox that did not come up.

    Args:
        seen: What bwrap, or what it started, wrote on its standard error.
    """
    seen = seen.strip()[-2000:]
    for pattern, meaning, remedy in _TABLE:
        if re.search(pattern, seen):
            return SandboxUnavailable(f"no sandbox could be started: {meaning}", seen=seen, remedy=remedy)
    what = "no sandbox could be started, so nothing was run"
    return SandboxUnavailable(what, seen=seen or "bwrap ended without a word", remedy="%sandbox doctor")
