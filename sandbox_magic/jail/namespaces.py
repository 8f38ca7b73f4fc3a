"""Why this user may not make a user namespace: what the kernel shows of it, and what fixes it."""

from __future__ import annotations

import re
from pathlib import Path

PROC = Path("/proc")

_SYSCTLS = {
    "user/max_user_namespaces": "sysctl -w user.max_user_namespaces=15000",
    "kernel/unprivileged_userns_clone": "sysctl -w kernel.unprivileged_userns_clone=1",  # Debian's own switch
}
_APPARMOR = (
    "install Ubuntu's own bubblewrap and its AppArmor profile (apt install bubblewrap apparmor-profiles), or as root: "
    "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
)
BY_APPARMOR = ("AppArmor restricts unprivileged user namespaces (Ubuntu 23.10 and later)", _APPARMOR)
_SECCOMP = (
    "start the container with --security-opt seccomp=unconfined, or with a profile that allows clone and unshare "
    "with CLONE_NEWUSER; a systemd service without RestrictNamespaces="
)


def why_refused(seen: str, proc: Path = PROC) -> tuple[str, str]:
    """Return what it means that no user namespace could be made, and the remedy.

    A sysctl that is 0 refuses whoever asks, so it comes first; of the rest AppArmor says "Permission
    denied", where a system-call filter says "Operation not permitted" (Docker's and systemd's do).

    Args:
        seen: What bwrap said.
        proc: The proc file system to read.
    """
    for name, fix in _SYSCTLS.items():
        if _read(proc / "sys" / name) == "0":
            return f"user namespaces are switched off ({name.replace('/', '.')} is 0)", f"as root: {fix}"
    if not (proc / "self/ns/user").exists():
        return "this kernel has no user namespaces", "a kernel with CONFIG_USER_NS"
    if "No space left" in seen or "ENOSPC" in seen:
        what = "the number of user namespaces is used up, here or by the container around"
        return what, f"as root: {_SYSCTLS['user/max_user_namespaces']}; in a container, on the machine around it"
    if "Permission denied" in seen or not _filtered(proc):
        if _read(proc / "sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
            return BY_APPARMOR
        return "this system does not let this user make user namespaces", f"{_SECCOMP}; outside of a chroot"
    return "a system-call filter (a container's seccomp) refuses new user namespaces", _SECCOMP


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except OSError:  # this kernel has no such switch
        return ""


def _filtered(proc: Path) -> bool:
    """Return whether a system-call filter was put on this process, as its children have it too."""
    return re.search(r"^Seccomp:\s+2$", _read(proc / "self/status"), re.MULTILINE) is not None
