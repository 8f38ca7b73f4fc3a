"""A host's directory that the code may change, copy-on-write: an overlay whose upper layer has a bounded size.

bwrap's own overlays (0.11) have no size and can't be read from outside, so the mounts are made before it, in a mount
namespace of its own (`sandbox_magic.jail.view.overlay_mount`). Where a machine refuses them the caller uses a copy.

What is special below needs no mask: an overlay has inodes of its own, to which no socket is bound and no FIFO's other
end is open, whenever they were made; and devices are off.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox_magic.jail.view.identity import Identity
    from sandbox_magic.jail.view.run_directory import RunDirectory

_PROBE_SECONDS = 10.0
_FRESH_SECONDS = 60.0  # how long a refusal holds: what is short now need not be for ever
_known: dict[tuple[int, bool], tuple[float, str]] = {}  # by file system, and whether the sandbox is another user
_PROGRAM = os.path.join(os.path.dirname(__file__), "overlay_mount.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lower:
    """The directory that lies below.

    Attributes:
        path: Its absolute path, without links.
        device: The file system that it is on.
        inode: Its number there.
        owner: The user and the group who own it and all that is in it.
        unfit: Why it can't lie below a layer, whatever the machine; empty if it can.
        names: A hash of its names with their sizes and times: what lies below must not change under a layer.
    """

    path: str
    device: int = 0
    inode: int = 0
    owner: tuple[int, int] = (0, 0)
    unfit: str = ""
    names: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer over a directory, for one sandbox.

    Attributes:
        place: An empty directory on the host to mount it at.
        prefix: The words before the program that shall see it.
    """

    place: str
    prefix: tuple[str, ...]

    @property
    def home(self) -> str:
        """Room for whatever else is written, in the same tmpfs."""
        return f"{self.place}/home"

    @property
    def changed(self) -> str:
        """What was written, and what was copied because it was changed."""
        return f"{self.place}/changed"

    @property
    def merged(self) -> str:
        """The directory as the sandbox sees it."""
        return f"{self.place}/merged"

    def __str__(self) -> str:
        """Say it for a person."""
        return "copy-on-write: overlayfs, writes to the sized tmpfs; the directory itself is only read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A directory that is copied, for one sandbox.

    Attributes:
        why: Why it can't be an overlay.
    """

    why: str

    def __str__(self) -> str:
        """Say it for a person."""
        return f"a copy in the sized tmpfs; no overlay: {self.why}"


def choose(lower: Lower, directory: RunDirectory, size: int, identity: Identity) -> Layer | Copy:
    """Return how a directory becomes the workspace: as an overlay, where it and this machine allow one, else as a copy.

    Args:
        lower: The directory.
        directory: Where there is room for mount points.
        size: Bytes that may be written.
        identity: Who the sandbox is.
    """
    place = directory.make("layer")
    why = lower.unfit or _why_not(lower, place, identity)
    if why:
        return Copy(why=why)
    directory.make("layer", inside=True)
    return _layer(lower, place, size, identity)


def _layer(lower: Lower, place: str, size: int, identity: Identity) -> Layer:
    uid = str(identity.uid) if identity.dropped else "-"
    user = () if identity.dropped else ("--user", "--map-root-user")
    private = (_unshare() or "", *user, "--mount", "--propagation", "private", "--")
    inode = f"{lower.device}:{lower.inode}"
    program = (sys.executable, "-I", "-S", _PROGRAM, place, str(size), lower.path, inode, uid)
    return Layer(place=place, prefix=(*private, *program))


def _why_not(lower: Lower, place: str, identity: Identity) -> str:
    if not identity.dropped and lower.owner != (os.geteuid(), os.getegid()):
        return "it does not belong to this user and group"
    if not sys.executable or not _unshare():
        return "this machine has no unshare program"
    kind = (lower.device, identity.dropped)
    when, why = _known.get(kind, (0.0, ""))
    if not when or (why and time.monotonic() - when > _FRESH_SECONDS):
        why = _refusal(_layer(lower, place, 2**20, identity))
        _known[kind] = time.monotonic(), why
    return why


def _refusal(layer: Layer) -> str:
    """Try a layer; say what refused it."""
    try:
        run = subprocess.run(
            (*layer.prefix, "/bin/true"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={}, cwd="/", text=True, errors="replace", timeout=_PROBE_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return "" if run.returncode == 0 else run.stdout.strip() or f"its program ended with status {run.returncode}"


@functools.lru_cache(maxsize=1)
def _unshare() -> str | None:
    return shutil.which("unshare", path="/usr/bin:/bin")
