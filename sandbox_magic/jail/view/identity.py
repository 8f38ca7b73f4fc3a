"""Who a sandbox is on the host. A root caller's sandbox is an unprivileged user of its own.

Without that, a cell would be uid 0 outside its user namespace, and uid 0 *owns* ``/proc/sys`` and
the device nodes: no capability is needed to write to what one owns.
"""

from __future__ import annotations

import itertools
import os
import shutil
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox_magic.model.errors import SandboxUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_OWN_RANGE = range(1_651_000_000, 1_651_065_536)  # far above what systems hand out (login.defs, systemd, subuid)
_FALLBACK_RANGE = range(60_600, 61_184)  # within a container's 65536; systemd leaves these alone
_STAGES = ("/mnt", "/media", "/srv", "/var/tmp", "/opt")  # noqa: S108 - a mount point in a private namespace
_STAGE_SCRIPT = """
set -e
stage=$1; shift
mount -t tmpfs -o mode=0755,size=1m,nosuid,nodev sandbox-magic "$stage"
n=0
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mkdir "$stage/$n"; else : > "$stage/$n"; fi
  mount --bind -- "$1" "$stage/$n"
  n=$((n + 1)); shift
done
shift
exec "$@"
"""

_counter = itertools.count()


@dataclass(frozen=True, slots=True)
class Identity:
    """The host user of a sandbox.

    Attributes:
        uid: The user id, which is the group id too where it is not the caller's own.
        dropped: Whether it is another user than the caller.
    """

    uid: int
    dropped: bool


def choose() -> Identity:
    """Return the caller itself if it is unprivileged, else a user id that nothing else uses.

    Raises:
        SandboxUnavailable: The caller is root and there is no other user to become.
    """
    if os.geteuid() != 0 or _only_root_of_a_namespace():
        return Identity(os.geteuid(), dropped=False)
    for numbers in (_OWN_RANGE, _FALLBACK_RANGE):
        if _mapped(numbers):
            return Identity(numbers[(os.getpid() * 64 + next(_counter)) % len(numbers)], dropped=True)
    msg = "this process is root and has no other user id to run the sandbox under"
    raise SandboxUnavailable(msg, seen=_read("/proc/self/uid_map"), remedy="run Jupyter as an ordinary user")


def _only_root_of_a_namespace() -> bool:
    """Return whether uid 0 here is one ordinary user outside (``unshare --map-root-user``)."""
    rows = [row.split() for row in _read("/proc/self/uid_map").splitlines()]
    return len(rows) == 1 and rows[0][2] == "1" and rows[0][1] != "0"


def _mapped(numbers: range) -> bool:
    def holds(path: str) -> bool:
        rows = (list(map(int, row.split())) for row in _read(path).splitlines())
        return any(first <= numbers[0] and numbers[-1] < first + count for first, _, count in rows)

    return holds("/proc/self/uid_map") and holds("/proc/self/gid_map")


def _read(path: str) -> str:
    with open(path) as file:
        return file.read()


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start bwrap as another user.

    Attributes:
        prefix: The words before ``bwrap``.
        sources: Host path -> where that user can reach it.
    """

    prefix: tuple[str, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)


def launch(identity: Identity, paths: Sequence[str]) -> Launch:
    """Return the words that start a program as ``identity``, with every path within its reach.

    What the user can't reach (a Python below root's home) is bound at a place that it can, in a
    private mount namespace that only bwrap's own set-up sees.

    Args:
        identity: The user.
        paths: What bwrap must be able to open.

    Raises:
        SandboxUnavailable: The programs for that are missing.
    """
    if not identity.dropped:
        return Launch()
    number = str(identity.uid)
    drop = (_program("setpriv"), "--reuid", number, "--regid", number, "--clear-groups", "--")
    hidden = [path for path in dict.fromkeys(paths) if not reachable(path)]
    if not hidden:
        return Launch(drop)
    stage = _stage(paths)
    private = (_program("unshare"), "--mount", "--propagation", "private", "--")
    shell = ("/bin/sh", "-c", _STAGE_SCRIPT, "sandbox-magic", stage, *hidden, "--")
    return Launch((*private, *shell, *drop), {path: f"{stage}/{n}" for n, path in enumerate(hidden)})


def reachable(path: str) -> bool:
    """Return whether a user without any right of its own can get to a path, and to what it is a link to."""
    return all(map(_open_to_all, {*_directories(os.path.abspath(path)), *_directories(os.path.realpath(path))}))


def _directories(path: str) -> list[str]:
    """Return a path, if it is a directory, and all directories above it."""
    found = [path] if os.path.isdir(path) else []
    while path != "/":
        path = os.path.dirname(path)
        found.append(path)
    return found


def _open_to_all(directory: str) -> bool:
    try:
        return bool(os.stat(directory).st_mode & stat.S_IXOTH)
    except OSError:
        return False


def _stage(paths: Iterable[str]) -> str:
    for place in _STAGES:
        if os.path.isdir(place) and reachable(place) and not any(place in _directories(path) for path in paths):
            return place
    msg = "the Python environment is out of reach of an unprivileged user, and there is no place to show it"
    raise SandboxUnavailable(msg, seen=f"no free directory among {', '.join(_STAGES)}", remedy="mkdir /mnt")


def _program(name: str) -> str:
    path = shutil.which(name, path="/usr/bin:/bin:/usr/sbin:/sbin")
    if path is None:
        msg = f"a root caller's sandbox needs {name}"
        raise SandboxUnavailable(msg, seen=f"no {name} in /usr/bin", remedy="apt install util-linux")
    return path
