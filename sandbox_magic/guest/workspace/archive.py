"""A directory's files between host and guest, as one stream of entries; in as an archive, out as what has changed.

Each entry is a header, a name and, for a file or a link, its data. The host reads what comes out with
`sandbox_magic.untrusted.workspace.receive`, and never opens a directory that the cell could write.
"""

from __future__ import annotations

import errno
import os
import stat
import struct

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Kept = tuple[bytes, bool, int, int]  # kind, executable, and where in the archive its data is: offset, size

HEADER = struct.Struct(">cBHQq")  # kind, whether executable (or cut short), bytes of name, size, time of change in ns
FILE, DIRECTORY, LINK = b"f", b"d", b"l"
REMOVED, SPECIAL, TOO_LARGE, END = b"r", b"s", b"t", b"e"  # only on the way out, but for the end
WITH_NOTHING, WITH_ARCHIVE, WITH_LAYER = b"0", b"1", b"2"  # what the files that come out are compared with
ARCHIVE = "/sandbox/workspace"
MOST_NAME = 3000  # bytes of a name with its directories; Linux takes 4095 from the root on
MOST_STEPS = 64  # directories in a name, itself included: what is done for each step of each name is bounded
_PIECE = 256 * 1024
_UNFILLED = 0o701  # permissions that nobody gives a directory


def header(kind: bytes, name: bytes, size: int = 0, executable: bool = False, changed_ns: int = 0) -> bytes:  # noqa: FBT001, FBT002 - a field
    """Return the start of an entry, name included."""
    return HEADER.pack(kind, executable, len(name), size, changed_ns) + name


def fill(root: str) -> None:
    """Fill a directory from the archive; for the process that runs the cell, so that what it takes is the cell's."""
    workspace = Workspace(root)
    workspace.unpack(ARCHIVE)
    workspace.mark_filled()
    workspace.close()


class Workspace:
    """The directory that the cell may change, held open: what the cell puts in its place is not read.

    PID 1 makes it before the cell runs, and looks again when the cell's last process is dead, so nothing moves then.

    Args:
        root: The directory, which must be there.
    """

    def __init__(self, root: str) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self._archive = -1
        self._before: dict[bytes, Kept] = {}
        self._seen: set[bytes] = set()

    def close(self) -> None:
        """Let go of it."""
        for descriptor in (self._root, self._archive):
            if descriptor >= 0:
                os.close(descriptor)
        self._root = self._archive = -1

    def mark_unfilled(self) -> None:
        """Note on the directory itself that it is still to be filled; a cell that does so hides only its own files."""
        os.fchmod(self._root, _UNFILLED)

    def mark_filled(self) -> None:
        """Take that back."""
        os.fchmod(self._root, 0o755)

    @property
    def filled(self) -> bool:
        """Whether it has been filled; if not, what it lacks was never there."""
        return os.fstat(self._root).st_mode & 0o777 != _UNFILLED

    def unpack(self, archive: str, *, make: bool = True) -> None:
        """Fill it from the host's archive, and keep that to compare with.

        Args:
            archive: Its path.
            make: Whether to fill it, which is for the cell's process: what it takes is the cell's.

        Raises:
            OSError: It does not fit, or is no archive.
        """
        for kind, name, executable, at, size, changed_ns in self._listed(archive):
            if make:
                self._make(kind, name, (at, size), executable)
                if kind == FILE:
                    os.utime(name, ns=(changed_ns, changed_ns), dir_fd=self._root)
            self._before[name] = (kind, bool(executable), at, size)

    def _listed(self, archive: str) -> Iterator[tuple[bytes, bytes, int, int, int, int]]:
        """Yield what an archive holds: kind, name, whether executable, where its data is, its size, time of change."""
        self._archive = os.open(archive, os.O_RDONLY | os.O_CLOEXEC)
        at = 0
        while True:
            head = os.pread(self._archive, HEADER.size, at)
            if len(head) < HEADER.size:
                raise OSError(errno.EINVAL, "the archive ends too early")
            kind, executable, length, size, changed_ns = HEADER.unpack(head)
            if kind == END:
                return
            name = os.pread(self._archive, length, at + HEADER.size)
            at += HEADER.size + length
            yield kind, name, executable, at, size, changed_ns
            at += size

    def _make(self, kind: bytes, name: bytes, data: tuple[int, int], executable: int) -> None:
        at, size = data
        if kind == DIRECTORY:
            try:
                os.mkdir(name, 0o755, dir_fd=self._root)
            except FileExistsError:  # a file of the host's is shown below it
                if not stat.S_ISDIR(os.stat(name, dir_fd=self._root, follow_symlinks=False).st_mode):
                    raise
        elif kind == LINK:
            os.symlink(os.pread(self._archive, size, at), name, dir_fd=self._root)
        else:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.open(name, flags, 0o755 if executable else 0o644, dir_fd=self._root)
            try:
                while size > 0:
                    count = os.sendfile(file, self._archive, at, size)
                    if count == 0:
                        raise OSError(errno.EINVAL, "the archive ends too early")
                    at, size = at + count, size - count
            finally:
                os.close(file)

    def collect(self, patterns: Iterable[bytes], most_bytes: int, most_files: int) -> Iterator[bytes]:
        """Yield what was added, changed and removed as pieces of a stream.

        Args:
            patterns: Names to give, as for ``fnmatch``; a directory's name stands for what is in it. Nothing for
                everything. A name in which a part begins with ``.`` or ``_`` is given only for a pattern that has one.
            most_bytes: The most bytes of data in all, by the size that a file claims; what does not fit is named.
            most_files: The most names that are examined.
        """
        wanted = tuple(patterns)
        self._count = 0
        self._cut = False
        self._hidden_too = not wanted or any(map(hidden, wanted))
        for name, status in self._walk(most_files):
            if wanted and (stat.S_ISDIR(status.st_mode) or not _matches(name, wanted)):
                continue
            yield from self._entry(name, status, most_bytes)
            if stat.S_ISREG(status.st_mode):
                most_bytes -= self._sent
        if not self._cut:
            for name in self._removed():
                yield header(REMOVED, name)
        yield header(END, b"", executable=self._cut)

    def _removed(self) -> Iterator[bytes]:
        return (name for name in self._before if name not in self._seen)

    def _walk(self, most: int) -> Iterator[tuple[bytes, os.stat_result]]:
        os.fchmod(self._root, 0o700)  # the cell may have shut it
        self._device = os.fstat(self._root).st_dev
        waiting = [b""]
        while waiting:
            name = waiting.pop()
            if name:
                if not self._hidden_too and hidden(name):
                    continue
                status = self._status(name)
                if status is None:
                    continue
                self._seen.add(name)
                yield name, status
                if not stat.S_ISDIR(status.st_mode):
                    continue
                if status.st_mode & 0o700 != 0o700:
                    os.chmod(name, 0o700, dir_fd=self._root)
            waiting += sorted(self._names(name, most), reverse=True)

    def _status(self, name: bytes) -> os.stat_result | None:
        """Return the status of a file of the cell; a host's file, shown here read-only, is not one."""
        status = os.stat(name, dir_fd=self._root, follow_symlinks=False)
        return status if status.st_dev == self._device else None

    def _names(self, directory: bytes, most: int) -> Iterator[bytes]:
        descriptor = os.open(directory or b".", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=self._root)
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    name = (directory + b"/" if directory else b"") + os.fsencode(entry.name)
                    self._count += 1
                    if self._count > most:
                        self._cut = True
                        return
                    if len(name) > MOST_NAME or name.count(b"/") >= MOST_STEPS:
                        self._cut = True
                        continue
                    yield name
        finally:
            os.close(descriptor)

    def _entry(self, name: bytes, status: os.stat_result, room: int) -> Iterator[bytes]:
        kind, executable, at, size = self._before.get(name, (b"", False, 0, 0))
        mode = status.st_mode
        self._sent = 0
        if stat.S_ISDIR(mode):
            if kind != DIRECTORY:
                yield header(DIRECTORY, name)
        elif stat.S_ISLNK(mode):
            target = os.readlink(name, dir_fd=self._root)
            if kind != LINK or os.pread(self._archive, size, at) != target:
                yield header(LINK, name, len(target)) + target
        elif not stat.S_ISREG(mode):
            yield header(SPECIAL, name)
        else:
            runs = bool(mode & 0o100)
            if kind == FILE and executable == runs and size == status.st_size and self._same(name, mode, at, size):
                return
            if status.st_size > room:
                yield header(TOO_LARGE, name, status.st_size, runs)
                return
            self._sent = status.st_size
            yield header(FILE, name, status.st_size, runs)
            yield from self._data(name, mode, status.st_size)

    def _same(self, name: bytes, mode: int, at: int, size: int) -> bool:
        """Compare by content: a time of change can be set, and writing through a mapping does not set it on tmpfs."""
        for piece in self._data(name, mode, size):
            if os.pread(self._archive, len(piece), at) != piece:
                return False
            at += len(piece)
        return True

    def _data(self, name: bytes, mode: int, size: int) -> Iterator[bytes]:
        if not mode & 0o400:
            os.chmod(name, mode & 0o777 | 0o400, dir_fd=self._root)
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self._root)
        try:
            while size > 0:
                count = min(size, _PIECE)
                piece = os.read(file, count)
                yield piece or bytes(count)  # it ends too early, which can't be: the stream stays in step
                size -= len(piece) or count
        finally:
            os.close(file)


def _matches(name: bytes, patterns: Iterable[bytes]) -> bool:
    import fnmatch

    for pattern in patterns:
        bare = pattern.rstrip(b"/")
        if hidden(name) and not hidden(bare):
            continue
        if fnmatch.fnmatchcase(name, bare) or fnmatch.fnmatchcase(name, bare + b"/*"):
            return True
    return False


def hidden(name: bytes) -> bool:
    """Return whether a part of a name begins with ``.`` or ``_``."""
    return any(part[:1] in (b".", b"_") for part in name.split(b"/"))
