"""The private directory of one run, removed at its end, or by the next start if we were killed."""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import signal
import stat
import tempfile
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sandbox_magic.model.errors import SandboxUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO


_RUN = "run-"
_END_SECONDS = 1.0  # for what a killed host left to be dead
_EMPTY_LOOKS = 2


class RunDirectory:
    """A directory of mode 0700 with a locked descriptor: the lock dies with its process.

    Attributes:
        path: The directory.
        token: Its unique name, which is also on the sandbox's command line (`sweep`).
        cell: The directory below it that the sandbox sees.

    Args:
        uid: The host user whose sandbox must be able to read it.

    Raises:
        SandboxUnavailable: The temporary directory can't be written.
    """

    path: str

    def __init__(self, uid: int) -> None:
        try:
            root = _root()
            sweep(root)
            _sweep_others(_usual())
            self.path, self._lock = _locked(root)
            self.token: str = os.path.basename(self.path)
            self.cell: str = os.path.join(self.path, "cell")
            try:
                self._furnish(uid)
            except BaseException:
                self.remove()
                raise
        except OSError as error:
            msg = "the temporary directory can't be written, so nothing was run"
            raise SandboxUnavailable(
                msg, seen=str(error), remedy="free space, or set TMPDIR to another place"
            ) from error

    def _furnish(self, uid: int) -> None:
        os.mkdir(self.cell, 0o700)
        self.make("lib", inside=True)
        self.make("lib/sandbox_guest", inside=True)  # where the guest's code is bound
        if uid != os.geteuid():
            os.chmod(self.path, 0o711)  # noqa: S103 - that user must get through, and can list nothing
            os.chown(self.cell, uid, -1)

    def make(self, name: str, *, inside: bool = False) -> str:
        """Return a new empty directory, beside what the sandbox sees or in it."""
        path = os.path.join(self.cell if inside else self.path, name)
        os.mkdir(path)
        os.chmod(path, 0o755)  # noqa: S103 - whatever the umask: a root caller's sandbox is another user
        return path

    def discard(self, name: str) -> None:
        """Remove a file that the sandbox sees, if it is there; who has it open keeps it."""
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(self.cell, name))

    @contextmanager
    def create(self, name: str) -> Iterator[BinaryIO]:
        """Return a new file of mode 0444 that the sandbox sees, to write to.

        Raises:
            SandboxUnavailable: It can't be written.
        """
        path = os.path.join(self.cell, name)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, 0o444)
                yield file
        except OSError as error:
            msg = "the cell can't be written to the temporary directory, so it was not run"
            raise SandboxUnavailable(
                msg, seen=str(error), remedy="free space, or set TMPDIR to another place"
            ) from error

    def remove(self) -> None:
        """Remove it."""
        try:
            shutil.rmtree(self.path, ignore_errors=True)
        finally:  # interrupted: without the lock the next start removes the rest
            os.close(self._lock)


def _locked(root: str) -> tuple[str, int]:
    """Make a directory and lock it; again, if a sweep was quicker than the lock."""
    while True:
        path = tempfile.mkdtemp(prefix=_RUN, dir=root)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return path, descriptor
        os.close(descriptor)


def sweep(root: str) -> None:
    """Remove the directories below ``root`` whose process is dead: those that are not locked."""
    with os.scandir(root) as entries:
        for entry in entries:
            if not entry.name.startswith(_RUN):
                continue
            with suppress(OSError):
                descriptor = os.open(entry.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _end_sandbox(entry.name)
                    shutil.rmtree(entry.path, ignore_errors=True)
                finally:
                    os.close(descriptor)


def _end_sandbox(token: str) -> None:
    """Kill what is left of a sandbox whose host was killed.

    A bwrap that is killed between its clone(2) and the uid map leaves a child that waits for ever; and it may be at
    that clone just now, for the lock of its dead host is free before bwrap hears of the death. So this looks again
    until nothing was there twice: a look misses what is born behind it, but not what was born before.
    """
    deadline, empty = time.monotonic() + _END_SECONDS, 0
    while empty < _EMPTY_LOOKS and time.monotonic() < deadline:
        empty = 0 if _kill_named(token.encode()) else empty + 1


def _kill_named(token: bytes) -> bool:
    """Kill the processes that have this word on their command line; return whether there was one that may be killed."""
    found = False
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError), open(f"/proc/{name}/cmdline", "rb") as words:
            if token in words.read().split(b"\0"):
                os.kill(int(name), signal.SIGKILL)
                found = True
    return found


def _usual() -> str:
    return os.path.join(tempfile.gettempdir(), f"sandbox-magic-{os.geteuid()}")


def _root() -> str:
    """Return our directory in the temporary directory: of a name that all our runs find; if that is taken, of another.

    Anybody can lay something at the place of a name that can be foreseen. That is left alone: never followed, locked,
    swept or removed.
    """
    usual = _usual()
    with suppress(FileExistsError):
        os.mkdir(usual, 0o700)
        _open_to_a_dropped_user(usual)
    if _is_ours(usual):
        return usual
    if not _is_ours(_other(usual)):  # somebody has tidied up
        _other.cache_clear()
    return _other(usual)


def _open_to_a_dropped_user(root: str) -> None:
    os.chmod(root, 0o711)  # noqa: S103 - as above, whatever the umask


def _is_ours(path: str) -> bool:
    """Return whether it is a directory, not a link to one, that no other user may write."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022


@functools.lru_cache(maxsize=1)  # the temporary directory may be large
def _other(usual: str) -> str:
    """Return a directory of this user of another name; made if there is none."""
    if others := _others(usual):
        return others[0]
    made = tempfile.mkdtemp(prefix=f"{os.path.basename(usual)}-", dir=os.path.dirname(usual))
    _open_to_a_dropped_user(made)
    return made


@functools.lru_cache(maxsize=1)  # once in a process: what was killed while the usual name was taken is seldom there
def _sweep_others(usual: str) -> None:
    for root in _others(usual):
        sweep(root)


def _others(usual: str) -> list[str]:
    """Return this user's directories whose names begin like the usual one; none where they can't be listed."""
    with suppress(OSError), os.scandir(os.path.dirname(usual)) as entries:
        begin = f"{os.path.basename(usual)}-"
        return sorted(entry.path for entry in entries if entry.name.startswith(begin) and _is_ours(entry.path))
    return []
