"""A directory of the user's, packed for the sandbox, and what it was then."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox_magic.errors import PolicyError
from sandbox_magic.guest import files
from sandbox_magic.result import size as in_words
from sandbox_magic.untrusted import beneath, paths
from sandbox_magic.untrusted.beneath import State

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

_PAGE = 4096  # what a file takes of a tmpfs is a whole number of them
_PIECE = 2**20
_LATEST_NS = 2**63 - 1  # in the year 2262; some file systems know later ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A directory as it was when it was packed.

    Attributes:
        path: The directory.
        states: What stood in it, by name; what was left behind is not there.
        skipped: The names that were left behind, each with the reason.
    """

    path: str
    states: Mapping[str, State]
    skipped: tuple[tuple[str, str], ...] = ()


def pack(
    directory: Path | str,
    write: Callable[[bytes], object],
    *,
    most_bytes: int,
    most_files: int,
    covered: Collection[str] = (),
) -> Original:
    """Pack a directory's files, directories and the links that stay inside.

    Args:
        directory: The directory; it is only read.
        write: Takes the archive piece by piece.
        most_bytes: What it may take in the sandbox.
        most_files: The most names.
        covered: Names in whose places something else is shown.

    Raises:
        PolicyError: It is no directory, can't be read, has too much in it, or changed while it was read.
    """
    try:
        with beneath.directory(directory) as root:
            found, skipped = _found(root, str(directory), most_files, covered)
            _check_size(str(directory), sum(_taken(status) for _, status in found), most_bytes)
            states = {}
            for path, status in found:
                states[path] = _packed(root, path, status, write)
            write(files.header(files.END, b""))
    except OSError as error:
        msg = f"the workspace {paths.shown(str(directory))} can't be read"
        raise PolicyError(msg, seen=str(error), remedy="a directory that you may read, at rest") from error
    return Original(path=os.path.abspath(directory), states=states, skipped=tuple(skipped))


def _found(
    root: int, directory: str, most: int, covered: Collection[str]
) -> tuple[list[tuple[str, os.stat_result]], list[tuple[str, str]]]:
    found: list[tuple[str, os.stat_result]] = []
    skipped: list[tuple[str, str]] = []
    for path, status in _walk(root):
        if len(found) + len(skipped) >= most:
            msg = f"the workspace {paths.shown(directory)} has more than {most:,} files and directories"
            raise PolicyError(msg, remedy="a smaller directory")
        why = _why_covered(path, status, covered) or _why_not(root, path, status)
        if why:
            skipped.append((path, why))
        else:
            found.append((path, status))
    return found, skipped


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
