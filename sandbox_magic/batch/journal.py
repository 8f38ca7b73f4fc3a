"""The file in which a batch keeps what is done: a line for each row, on the disk before anybody sees the row.

The first line says what the file is. Each other one is ``{"key": HASH, "row": {...}}``. It is only ever added to. A
crash can leave half a line at its end, which is cut off when the file is opened again; nothing else is.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import weakref
from typing import TYPE_CHECKING

from sandbox_magic.batch import rows
from sandbox_magic.model.closing import Closing
from sandbox_magic.model.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sandbox_magic.batch.graded import Graded

FIRST = b'{"format":"sandbox_magic journal","version":1}\n'
_Places = dict[str, list[tuple[int, int]]]
"""Where the rows of each key are; all but the first are there because one before can't be read."""
_LINE = re.compile(rb'\{"key":"([0-9a-f]{64})","row":(.*)\}\n', re.DOTALL)


class Journal(Closing):
    """An open journal, which no other process has open.

    Args:
        path: The file; made if it is not there.

    Raises:
        PolicyError: It is another kind of file, or another process writes it.
        OSError: It can't be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        made = not os.path.exists(path)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK, 0o666)
        try:
            self._lock()
            self._places, end = _read(self._descriptor, self._path)
            if end < os.fstat(self._descriptor).st_size:
                os.ftruncate(self._descriptor, end)
            if not end:
                self._append(FIRST)
            os.fsync(self._descriptor)
            if made:
                _sync_directory(os.path.dirname(os.path.abspath(path)))
        except BaseException:
            os.close(self._descriptor)
            raise
        _open.add(self)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            msg = f"journal {self._path} is in use: another batch writes it"
            raise PolicyError(msg, remedy="wait for its end, or another file") from None

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._places)

    def read(self, key: str) -> Graded | None:
        """Return the row of a key; None where there is none that can be read."""
        return _first(self._descriptor, self._places.get(key, []))

    def add(self, packed: Iterable[tuple[str, bytes]]) -> None:
        """Add rows, each with its key; they are on the disk when this returns.

        Raises:
            OSError: They could not be written. What was written of them is taken back.
        """
        end = before = os.fstat(self._descriptor).st_size
        places = []
        lines = []
        for key, row in packed:
            head = b'{"key":"%s","row":' % key.encode()
            places.append((key, (end + len(head), len(row))))
            lines.append(head + row + b"}\n")
            end += len(lines[-1])
        try:
            self._append(b"".join(lines))
            os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, before)
            raise
        for key, place in places:
            self._places.setdefault(key, []).append(place)

    def _append(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._descriptor, left) :]

    def close(self) -> None:
        """Let go of it."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def read(path: str | os.PathLike[str]) -> Iterator[Graded]:
    """Yield the rows of a journal, each once; one that is being written too.

    Raises:
        PolicyError: It is another kind of file.
        OSError: It can't be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        places, _ = _read(descriptor, os.fspath(path))
        for each in places.values():
            if (row := _first(descriptor, each)) is not None:
                yield row
    finally:
        os.close(descriptor)


def _first(descriptor: int, places: list[tuple[int, int]]) -> Graded | None:
    """Return the first row of these that can be read; one that can't is of a line that somebody has changed."""
    for at, length in places:
        try:
            return rows.unpack(os.pread(descriptor, length, at))
        except ValueError:
            continue
    return None


def _read(descriptor: int, path: str) -> tuple[_Places, int]:
    """Return where each key's rows are, and where the last whole line ends."""
    places: _Places = {}
    with open(os.dup(descriptor), "rb") as file:
        file.seek(0)
        first = file.readline(len(FIRST))
        if first != FIRST:
            if FIRST.startswith(first):  # new, or cut off in its first line
                return places, 0
            raise PolicyError(f"{path} is no journal", remedy="another file; a journal is made by the first batch")
        end = len(FIRST)
        for line in file:
            if not line.endswith(b"\n"):
                break
            found = _LINE.fullmatch(line)
            if found and _is_json(found[2]):
                places.setdefault(found[1].decode(), []).append((end + found.start(2), len(found[2])))
            end += len(line)
    return places, end


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_open: weakref.WeakSet[Journal] = weakref.WeakSet()


def _close_all() -> None:
    """Let no worker that was forked from this process hold the lock when this process has died."""
    for journal in list(_open):
        journal.close()


os.register_at_fork(after_in_child=_close_all)
