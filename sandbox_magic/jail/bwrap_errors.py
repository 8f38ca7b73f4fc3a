"""What it means when bwrap refuses to start, and the remedy: a table over its own words."""

from __future__ import annotations

import re

from sandbox_magic.jail.bubblewrap import INSTALL
from sandbox_magic.jail.namespaces import BY_APPARMOR, why_refused
from sandbox_magic.model.errors import SandboxUnavailable

# (what bwrap says, what it means, what fixes it); the first match counts.
_TABLE = (
    (
        r"[Cc]an't mount proc",
        "a container masks parts of /proc, so no new /proc can be mounted",
        "start the container with --security-opt systempaths=unconfined; in Kubernetes, procMount: Unmasked",
    ),
    (
        r"setting up uid map: Permission denied|loopback: Failed RTM_NEWADDR",
        *BY_APPARMOR,
    ),
    (r"[Uu]nknown option", "this bubblewrap is too old", INSTALL),
    (
        r"[Cc]an't find source path .+: Permission denied",
        "the sandbox's user can't read a path that it needs",
        "another path, which every user can read",
    ),
    (
        r"execvp .+: (?:Permission denied|No such file)",
        "the Python inside can't be started",
        "--python system, or an environment that every user can read",
    ),
    (r"PR_SET_SECCOMP", "this kernel has no system-call filters", "a kernel with CONFIG_SECCOMP_FILTER"),
)
# Whatever starts bwrap may be what is refused: as root, unshare for the mounts before it.
_NO_NAMESPACE = re.compile(
    r"[Nn]o permissions to creat|[Cc]reating new namespace failed|max_user_namespaces|unprivileged_userns_clone|"
    r"unshare failed"
)
DOCTOR = "%sandbox doctor in a notebook, sandbox-magic doctor in a terminal"


def unavailable(seen: str) -> SandboxUnavailable:
    """Return the error for a sandbox that did not come up.

    Args:
        seen: What bwrap, or what it started, wrote on its standard error.
    """
    seen = seen.strip()[-2000:]
    if _NO_NAMESPACE.search(seen):
        meaning, remedy = why_refused(seen)
        return SandboxUnavailable(f"no sandbox could be started: {meaning}", seen=seen, remedy=remedy)
    for pattern, meaning, remedy in _TABLE:
        if re.search(pattern, seen):
            return SandboxUnavailable(f"no sandbox could be started: {meaning}", seen=seen, remedy=remedy)
    what = "no sandbox could be started, so nothing was run"
    return SandboxUnavailable(what, seen=seen or "bwrap ended without a word", remedy=DOCTOR)
