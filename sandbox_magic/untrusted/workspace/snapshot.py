"""The user's directory, packed or listed for the sandbox, and its state at that time."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox_magic.guest.workspace import archive
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.units import size as in_words
from sandbox_magic.untrusted.workspace import file_names, openat
from sandbox_magic.untrusted.workspace.lazy_states import Unread, summarized
from sandbox_magic.untrusted.workspace.openat import State

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from sandbox_magic.untrusted.workspace.lazy_states import FileSummary

_PAGE = 4096  # what a file takes of a tmpfs is a whole number of them
_PIECE = 2**20
_HEADS = {"file": archive.FILE, "directory": archive.DIRECTORY, "link": archive.LINK}
_LATEST_NS = 2**63 - 1  # in the year 2262; some file systems know later ones
_OPEN = stat.S_IRUSR | stat.S_IXUSR
_UNREADABLE, _TOO_LONG = "you may not read it", "its name is too long"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A directory as it was when the run began.

    Attributes:
        path: The directory.
        states: Its files, directories and links, by name, without those that were skipped.
        summaries: Of each state the kind, and a file's size; those of a directory that was only listed cost nothing.
        skipped: The names that are of no use in the sandbox, each with the reason.
    """

    path: str
    states: Mapping[str, State]
    summaries: Mapping[str, FileSummary]
    skipped: tuple[tuple[str, str], ...] = ()

    def has(self, path: str, state: State) -> bool:
        """Return whether a name was exactly this."""
        return self.summaries.get(path) == (state.kind, state.size) and self.states[path] == state


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The names in a directory, with their status; no file has been read.

    Attributes:
        path: The directory.
        here: The directory itself; what its name leads to later is compared with that.
        entries: Its files, directories, and the links that stay inside.
        skipped: The rest, each with the reason.
    """

    path: str
    here: os.stat_result
    entries: tuple[tuple[str, os.stat_result], ...]
    skipped: tuple[tuple[str, os.stat_result, str], ...]

    @property
    def reasons(self) -> tuple[tuple[str, str], ...]:
        """The names that were skipped, and why."""
        return tuple((path, why) for path, _, why in self.skipped)

    def why_copy(self) -> str:
        """Return why this directory can't be an overlay's lower layer; empty if it can."""
        return next(self._hindrances(), "")

    def _hindrances(self) -> Iterator[str]:
        statuses = [self.here, *(status for _, status in self.entries), *(status for _, status, _ in self.skipped)]
        reasons = {why for _, _, why in self.skipped}
        if any(why.startswith("--bind") for why in reasons):
            yield "--bind shows something in its place"
        if _UNREADABLE in reasons or self.here.st_mode & _OPEN != _OPEN:  # there the code owns it, and could open it
            yield "not all of it may be read"
        if len({(status.st_uid, status.st_gid) for status in statuses}) > 1:
            yield "it has more than one owner"
        if len({status.st_dev for status in statuses}) > 1 or _mounted_below(self.path):
            yield "another file system is mounted in it"


def look(directory: Path | str, *, most_files: int, covered: Collection[str] = ()) -> Listing:
    """List a directory.

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
        for path, status, unfit in _walk(root):
            if len(entries) + len(skipped) >= most_files:
                raise _too_many(directory, most_files)
            why = _why_covered(path, status, covered) or unfit
            if why:
                skipped.append((path, status, why))
            else:
                entries.append((path, status))
        here = os.fstat(root)
    return Listing(path=os.path.realpath(directory), here=here, entries=tuple(entries), skipped=tuple(skipped))


def _too_many(directory: Path | str, most: int) -> PolicyError:
    msg = f"the workspace {file_names.shown(str(directory))} has more than {most:,} files and directories"
    return PolicyError(msg, remedy="a smaller directory")


def pack(found: Listing, write: Callable[[bytes], object], *, most_bytes: int, most_files: int) -> Snapshot:
    """Pack the content of a directory.

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
    with _readable(found.path, found.here) as root:
        for path, status in found.entries:
            states[path] = _packed(root, path, status, write)
    write(archive.header(archive.END, b""))
    summaries = {path: (state.kind, state.size) for path, state in states.items()}
    return Snapshot(path=found.path, states=states, summaries=summaries, skipped=found.reasons)


def listed(found: Listing, write: Callable[[bytes], object]) -> Snapshot:
    """Write only the names in a directory: for one that is the lower layer of an overlay, and is not read."""
    skipped = ((path, status) for path, status, why in found.skipped if why != _TOO_LONG)
    there = [*found.entries, *(each for each in skipped if summarized(each[1])[0] != "special")]
    for path, status in there:
        write(archive.header(_HEADS[summarized(status)[0]], os.fsencode(path)))
    write(archive.header(archive.END, b""))
    summaries = {path: summarized(status) for path, status in there}
    states = Unread(found.path, dict(there))
    return Snapshot(path=found.path, states=states, summaries=summaries, skipped=found.reasons)


@contextmanager
def _readable(directory: Path | str, found: os.stat_result | None = None) -> Iterator[int]:
    try:
        with openat.directory(directory) as root:
            if found is not None:
                _check_same(found, os.fstat(root))
            yield root
    except OSError as error:
        msg = f"the workspace {file_names.shown(str(directory))} can't be read"
        raise PolicyError(msg, seen=str(error), remedy="a directory that you may read, and nobody changes") from error


def _check_same(found: os.stat_result, now: os.stat_result) -> None:
    if not os.path.samestat(found, now):
        raise OSError(errno.ESTALE, "it is no longer the directory that was listed")


def _walk(root: int) -> Iterator[tuple[str, os.stat_result, str]]:
    """Yield what is there, and why it is of no use; nothing that is swapped for a link meanwhile leads out."""
    waiting = [""]
    while waiting:
        directory = waiting.pop()
        with openat.parent(root, f"{directory}/." if directory else ".") as (here, _):
            for name in sorted(os.listdir(here)):
                path = f"{directory}/{name}" if directory else name
                status = os.stat(name, dir_fd=here, follow_symlinks=False)
                yield path, status, _why_not(here, path, status)
                if stat.S_ISDIR(status.st_mode) and os.access(name, os.R_OK | os.X_OK, dir_fd=here):
                    waiting.append(path)


def _mounted_below(directory: str) -> bool:
    """Return whether something is mounted below a directory: another file system may be the same one, elsewhere."""
    above = os.fsencode(directory).rstrip(b"/") + b"/"
    with open("/proc/self/mountinfo", "rb") as mounts:
        places = (re.sub(rb"\\([0-7]{3})", _octal, line.split(b" ")[4]) for line in mounts)
        return any(place.startswith(above) and place != above for place in places)


def _octal(escaped: re.Match[bytes]) -> bytes:
    return bytes([int(escaped[1], 8)])


def _why_covered(path: str, status: os.stat_result, covered: Collection[str]) -> str:
    for name in covered:
        if f"{path}/".startswith(f"{name}/"):
            return "--bind shows something else there"
        if name.startswith(f"{path}/") and not stat.S_ISDIR(status.st_mode):
            return "--bind shows something below it"
    return ""


def _why_not(here: int, path: str, status: os.stat_result) -> str:
    mode, name = status.st_mode, os.path.basename(path)
    if len(os.fsencode(path)) > archive.MOST_NAME or path.count("/") >= archive.MOST_STEPS:
        return _TOO_LONG
    if stat.S_ISLNK(mode):
        return "" if file_names.stays_inside(path, os.readlink(name, dir_fd=here)) else "a link that leads out"
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        return "neither a file nor a directory"
    may = os.R_OK | (os.X_OK if stat.S_ISDIR(mode) else 0)
    return "" if os.access(name, may, dir_fd=here) else _UNREADABLE


def _taken(status: os.stat_result) -> int:
    return -(-status.st_size // _PAGE) * _PAGE if stat.S_ISREG(status.st_mode) else _PAGE


def _check_size(directory: str, size: int, most: int) -> None:
    if size > most:
        shown = file_names.shown(directory)
        msg = f"the workspace {shown} takes {in_words(size)}, more than the {in_words(most)} there are"
        raise PolicyError(msg, remedy=f"option disk: at least {2 * size // 2**20 + 1}M; or a smaller directory")


def _packed(root: int, path: str, status: os.stat_result, write: Callable[[bytes], object]) -> State:
    name = os.fsencode(path)
    if stat.S_ISDIR(status.st_mode):
        write(archive.header(archive.DIRECTORY, name))
        return State(kind="directory")
    with openat.parent(root, path) as (here, last):
        if stat.S_ISLNK(status.st_mode):
            target = os.fsencode(os.readlink(last, dir_fd=here))
            write(archive.header(archive.LINK, name, len(target)) + target)
            return State(kind="link", digest=target)
        return _packed_file(here, path, write)


def _packed_file(here: int, path: str, write: Callable[[bytes], object]) -> State:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    file = os.open(os.path.basename(path), flags, dir_fd=here)
    with os.fdopen(file, "rb") as stream:
        status = os.fstat(file)
        left, runs = status.st_size, bool(status.st_mode & stat.S_IXUSR)
        write(archive.header(archive.FILE, os.fsencode(path), left, runs, min(status.st_mtime_ns, _LATEST_NS)))
        digest = hashlib.sha256()
        while left:
            piece = stream.read(min(left, _PIECE))
            if not piece:
                raise OSError(f"{file_names.shown(path)} became shorter while it was read")
            write(piece)
            digest.update(piece)
            left -= len(piece)
    return State(kind="file", executable=runs, size=status.st_size, digest=digest.digest())
