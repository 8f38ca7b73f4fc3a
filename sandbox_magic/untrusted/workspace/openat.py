"""Reading and writing below a directory without ever following a link, whoever moves things there meanwhile.

Each step starts at a descriptor and takes one part of a name, so nothing that is swapped for a link leads out.
"""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal["file", "directory", "link", "special"]

_OPEN = os.O_NOFOLLOW | os.O_CLOEXEC
_PIECE = 2**20
_MARK = "user.sandbox_magic"  # an extended attribute on what we saved: the digest of what we wrote


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a name in a directory is.

    Attributes:
        kind: What it is.
        executable: Whether its owner may run it.
        size: Bytes of a file.
        digest: Of a file's content, or a link's target.
    """

    kind: Kind
    executable: bool = False
    size: int = 0
    digest: bytes = b""


@contextmanager
def directory(path: str | os.PathLike[str]) -> Iterator[int]:
    """Open a directory that the user named; links in that name are the user's own."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def parent(root: int, path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
    """Open the directory that holds a name; return it and the name's last part.

    Args:
        root: Where the name starts.
        path: The name.
        make: Whether to make the directories that are not there.

    Raises:
        FileNotFoundError: A directory on the way is not there.
        NotADirectoryError: What is on the way is a link, or no directory.
    """
    *steps, last = path.split("/")
    here = os.dup(root)
    try:
        for step in steps:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(step, 0o777, dir_fd=here)
            below = os.open(step, os.O_RDONLY | os.O_DIRECTORY | _OPEN, dir_fd=here)  # a link: ENOTDIR
            os.close(here)
            here = below
        yield here, last
    finally:
        os.close(here)


def read(root: int, path: str, most: int) -> tuple[bytes, State] | None:
    """Return what a file holds, and its state; None if it is no file, or has more than ``most`` bytes."""
    try:
        with parent(root, path) as (here, name), _file(here, name) as file:
            status = os.fstat(file)
            data = b"" if status.st_size > most else b"".join(iter(lambda: os.read(file, _PIECE), b""))
            if max(status.st_size, len(data)) > most:
                return None
            return data, of_data(data, executable=bool(status.st_mode & stat.S_IXUSR))
    except OSError:
        return None


def state(root: int, path: str, most: int) -> State | None:
    """Return what a name is now; None if it is nothing. A file of more than ``most`` bytes has no digest.

    Raises:
        NotADirectoryError: What is on the way is a link, or no directory.
    """
    try:
        with parent(root, path) as (here, name):
            return _state(here, name, most)
    except FileNotFoundError:
        return None


def _state(here: int, name: str, most: int) -> State:
    mode = os.stat(name, dir_fd=here, follow_symlinks=False).st_mode
    if stat.S_ISDIR(mode):
        return State(kind="directory")
    if stat.S_ISLNK(mode):
        return of_link(os.readlink(name, dir_fd=here))
    if not stat.S_ISREG(mode):
        return State(kind="special")
    with _file(here, name) as file:
        size = os.fstat(file).st_size
        digest = _digest(file) if size <= most else b""
        return State(kind="file", executable=bool(mode & stat.S_IXUSR), size=size, digest=digest)


@contextmanager
def _file(here: int, name: str) -> Iterator[int]:
    """Open a regular file; a FIFO that has come into its place would block, and is none."""
    file = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _OPEN, dir_fd=here)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise NotADirectoryError(name)
        yield file
    finally:
        os.close(file)


def _digest(file: int) -> bytes:
    digest = hashlib.sha256()
    while data := os.read(file, _PIECE):
        digest.update(data)
    return digest.digest()


def of_data(data: bytes, *, executable: bool) -> State:
    """Return the state of a file with this content."""
    return State(kind="file", executable=executable, size=len(data), digest=hashlib.sha256(data).digest())


def of_link(target: str) -> State:
    """Return the state of a link."""
    return State(kind="link", digest=os.fsencode(target))


def is_ours(root: int, path: str, content: State) -> bool:
    """Return whether a file is one that we saved, and is as we wrote it."""
    with parent(root, path) as (here, name), _file(here, name) as file, suppress(OSError):
        return os.getxattr(file, _MARK) == content.digest
    return False


def write(  # noqa: PLR0913 - what to write, and how
    root: int, path: str, data: bytes, *, executable: bool, replace: bool, mark: bool = False
) -> None:
    """Write a file as a whole or not at all.

    Args:
        root: Where its name starts.
        path: Its name; missing directories are made.
        data: What it holds.
        executable: Whether it may be run by those who may read it.
        replace: Whether a file of that name is replaced; its other permissions are kept.
        mark: Whether to mark it as saved by this package.

    Raises:
        FileExistsError: There is something of that name, and it is not to be replaced.
    """
    with parent(root, path, make=True) as (here, name):
        passing = f".sandbox-{token_hex(8)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN
        file = os.open(passing, flags, 0o777 if executable else 0o666, dir_fd=here)  # less the umask
        try:
            with os.fdopen(file, "wb") as stream:
                stream.write(data)
                if replace:
                    os.fchmod(file, _mode(here, name, os.fstat(file).st_mode, executable=executable))
                if mark:
                    with suppress(OSError):  # no extended attributes here: it will be refused next time
                        os.setxattr(file, _MARK, hashlib.sha256(data).digest())
            _put(here, passing, name, replace=replace)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(passing, dir_fd=here)


def _put(here: int, passing: str, name: str, *, replace: bool) -> None:
    if not replace:
        try:
            os.link(passing, name, src_dir_fd=here, dst_dir_fd=here, follow_symlinks=False)  # never replaces
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            if _exists(here, name):
                raise FileExistsError(name) from None
        else:
            return
    os.rename(passing, name, src_dir_fd=here, dst_dir_fd=here)


def _exists(here: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=here, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _mode(here: int, name: str, fresh: int, *, executable: bool) -> int:
    """Return the permissions that a file keeps when it is replaced; never those that lend a user's rights."""
    try:
        mode = os.stat(name, dir_fd=here, follow_symlinks=False).st_mode
    except FileNotFoundError:
        mode = fresh
    mode = mode & 0o777 if stat.S_ISREG(mode) else fresh & 0o777
    return mode | (mode & 0o444) >> 2 if executable else mode & ~0o111


def link(root: int, path: str, target: str) -> None:
    """Make a link where nothing is.

    Raises:
        FileExistsError: Something is.
    """
    with parent(root, path, make=True) as (here, name):
        os.symlink(target, name, dir_fd=here)


def make_directory(root: int, path: str) -> None:
    """Make a directory, and those above it, where they are not there."""
    with parent(root, f"{path}/.", make=True):
        return


def remove(root: int, path: str, kind: Kind) -> None:
    """Remove what has a name; a directory only if it is empty.

    Raises:
        OSError: It is not, or can't be removed.
    """
    with parent(root, path) as (here, name):
        (os.rmdir if kind == "directory" else os.unlink)(name, dir_fd=here)
