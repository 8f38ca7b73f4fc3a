"""A directory of the user's, packed or listed for the sandbox, and what it was then."""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox_magic.errors import PolicyError
from sandbox_magic.guest import files
from sandbox_magic.result import size as in_words
from sandbox_magic.untrusted import beneath, paths
from sandbox_magic.untrusted.beneath import State
from sandbox_magic.untrusted.unread import Unread, sketch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from sandbox_magic.untrusted.unread import Sketch

_PAGE = 4096  # what a file takes of a tmpfs is a whole number of them
_PIECE = 2**20
_MOST_SPECIAL = 100  # each is masked, which takes 0.2 ms
_HEADS = {"file": files.FILE, "directory": files.DIRECTORY, "link": files.LINK}
_LATEST_NS = 2**63 - 1  # in the year 2262; some file systems know later ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A directory as it was when the run began.

    Attributes:
        path: The directory.
        states: What stood in it, by name; what was left behind is not there.
        sketches: Of each state the kind, and a file's size; those of a directory that was only listed cost nothing.
        skipped: The names that are of no use in the sandbox, each with the reason.
    """

    path: str
    states: Mapping[str, State]
    sketches: Mapping[str, Sketch]
    skipped: tuple[tuple[str, str], ...] = ()

    def has(self, path: str, state: State) -> bool:
        """Tell whether exactly this stood there."""
        return self.sketches.get(path) == (state.kind, state.size) and self.states[path] == state


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What stands in a directory, by name, looked at without reading it.

    Attributes:
        path: The directory.
        here: The directory itself.
        entries: Its files, directories, and the links that stay inside.
        skipped: The rest, each with the reason.
    """

    path: str
    here: os.stat_result
    entries: tuple[tuple[str, os.stat_result], ...]
    skipped: tuple[tuple[str, os.stat_result, str], ...]

    @property
    def special(self) -> tuple[str, ...]:
        """The names of what is neither a file, a directory nor a link."""
        return tuple(path for path, status, _ in self.skipped if sketch(status)[0] == "special")

    @property
    def reasons(self) -> tuple[tuple[str, str], ...]:
        """The names that were skipped, and why."""
        return tuple((path, why) for path, _, why in self.skipped)

    def why_copy(self) -> str:
        """Say why this directory can't lie below a layer; nothing if it can."""
        statuses = [self.here, *(status for _, status in self.entries), *(status for _, status, _ in self.skipped)]
        if any(why.startswith("--bind") for _, _, why in self.skipped):
            return "--bind shows something in its place"
        if len({(status.st_uid, status.st_gid) for status in statuses}) > 1:
            return "it has more than one owner"
        if len({status.st_dev for status in statuses}) > 1:
            return "another file system is mounted in it"
        if len(self.special) > _MOST_SPECIAL:
            return f"it has more than {_MOST_SPECIAL} sockets, FIFOs and devices"
        return ""


def look(directory: Path | str, *, most_files: int, covered: Collection[str] = ()) -> Found:
    """Look at a directory.

    Args:
        directory: The directory.
        most_files: The most names.
        covered: Names in whose places something else is shown.

    Raises:
        PolicyError: It is no directory, can't be read, or has more in it.
    """
    entries: list[tuple[str, os.stat_result]] = []
    skipped: list[tuple[str, os.stat_result, str]] = []
    with _readable(directory) as root:
        for path, status in _walk(root):
            if len(entries) + len(skipped) >= most_files:
                raise _too_many(directory, most_files)
            why = _why_covered(path, status, covered) or _why_not(root, path, status)
            if why:
                skipped.append((path, status, why))
            else:
                entries.append((path, status))
        here = os.fstat(root)
    return Found(path=os.path.realpath(directory), here=here, entries=tuple(entries), skipped=tuple(skipped))


def _too_many(directory: Path | str, most: int) -> PolicyError:
    msg = f"the workspace {paths.shown(str(directory))} has more than {most:,} files and directories"
    return PolicyError(msg, remedy="a smaller directory")


def pack(found: Found, write: Callable[[bytes], object], *, most_bytes: int, most_files: int) -> Original:
    """Pack what stands in a directory.

    Args:
        found: The directory; it is only read.
        write: Takes the archive piece by piece.
        most_bytes: What it may take in the sandbox.
        most_files: The most names.

    Raises:
        PolicyError: It can't be read, has more in it than that, or changed while it was read.
    """
    if len(found.entries) + len(found.skipped) > most_files:
        raise _too_many(found.path, most_files)
    _check_size(found.path, sum(_taken(status) for _, status in found.entries), most_bytes)
    states = {}
    with _readable(found.path) as root:
        for path, status in found.entries:
            states[path] = _packed(root, path, status, write)
    write(files.header(files.END, b""))
    sketches = {path: (state.kind, state.size) for path, state in states.items()}
    return Original(path=found.path, states=states, sketches=sketches, skipped=found.reasons)


def listed(found: Found, write: Callable[[bytes], object]) -> Original:
    """Write only the names of what stands in a directory: for one that lies below a layer, and is not read."""
    there = [*found.entries, *((path, status) for path, status, _ in found.skipped if sketch(status)[0] != "special")]
    for path, status in there:
        write(files.header(_HEADS[sketch(status)[0]], os.fsencode(path)))
    write(files.header(files.END, b""))
    sketches = {path: sketch(status) for path, status in there}
    states = Unread(found.path, dict(there))
    return Original(path=found.path, states=states, sketches=sketches, skipped=found.reasons)


@contextmanager
def _readable(directory: Path | str) -> Iterator[int]:
    try:
        with beneath.directory(directory) as root:
            yield root
    except OSError as error:
        msg = f"the workspace {paths.shown(str(directory))} can't be read"
        raise PolicyError(msg, seen=str(error), remedy="a directory that you may read, at rest") from error


def _walk(root: int) -> Iterator[tuple[str, os.stat_result]]:
    waiting = [""]
    while waiting:
        directory = waiting.pop()
        here = os.open(directory or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root)
        try:
            entries = sorted(os.listdir(here))
        finally:
            os.close(here)
        for name in entries:
            path = f"{directory}/{name}" if directory else name
            status = os.stat(path, dir_fd=root, follow_symlinks=False)
            yield path, status
            if stat.S_ISDIR(status.st_mode) and os.access(path, os.R_OK | os.X_OK, dir_fd=root):
                waiting.append(path)


def _why_covered(path: str, status: os.stat_result, covered: Collection[str]) -> str:
    for name in covered:
        if f"{path}/".startswith(f"{name}/"):
            return "--bind shows something else there"
        if name.startswith(f"{path}/") and not stat.S_ISDIR(status.st_mode):
            return "--bind shows something below it"
    return ""


def _why_not(root: int, path: str, status: os.stat_result) -> str:
    mode = status.st_mode
    if len(os.fsencode(path)) > files.MOST_NAME or path.count("/") >= files.MOST_STEPS:
        return "its name is too long"
    if stat.S_ISLNK(mode):
        return "" if paths.stays_inside(path, os.readlink(path, dir_fd=root)) else "a link that leads out"
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        return "neither a file nor a directory"
    may = os.R_OK | (os.X_OK if stat.S_ISDIR(mode) else 0)
    return "" if os.access(path, may, dir_fd=root) else "you may not read it"


def _taken(status: os.stat_result) -> int:
    return -(-status.st_size // _PAGE) * _PAGE if stat.S_ISREG(status.st_mode) else _PAGE


def _check_size(directory: str, size: int, most: int) -> None:
    if size > most:
        msg = f"the workspace {paths.shown(directory)} takes {in_words(size)}, more than the {in_words(most)} there are"
        raise PolicyError(msg, remedy=f"option disk: at least {2 * size // 2**20 + 1}M; or a smaller directory")


def _packed(root: int, path: str, status: os.stat_result, write: Callable[[bytes], object]) -> State:
    name = os.fsencode(path)
    if stat.S_ISDIR(status.st_mode):
        write(files.header(files.DIRECTORY, name))
        return State(kind="directory")
    if stat.S_ISLNK(status.st_mode):
        target = os.fsencode(os.readlink(path, dir_fd=root))
        write(files.header(files.LINK, name, len(target)) + target)
        return State(kind="link", digest=target)
    return _packed_file(root, path, write)


def _packed_file(root: int, path: str, write: Callable[[bytes], object]) -> State:
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=root)
    with os.fdopen(file, "rb") as stream:
        status = os.fstat(file)
        left, runs = status.st_size, bool(status.st_mode & stat.S_IXUSR)
        write(files.header(files.FILE, os.fsencode(path), left, runs, min(status.st_mtime_ns, _LATEST_NS)))
        digest = hashlib.sha256()
        while left:
            piece = stream.read(min(left, _PIECE))
            if not piece:
                raise OSError(f"{paths.shown(path)} became shorter while it was read")
            write(piece)
            digest.update(piece)
            left -= len(piece)
    return State(kind="file", executable=runs, size=status.st_size, digest=digest.digest())
