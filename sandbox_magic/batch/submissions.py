"""Submissions of a directory: each file, and each directory with a ``main.py``; no link is followed.

The names and the files are strangers'. A link among them could bring a file of the grader's into the report.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sandbox_magic.batch.graded import Graded
from sandbox_magic.execution import source as _source
from sandbox_magic.model.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sandbox_magic.execution.source import Source

MAIN = ("main.py", "__main__.py")
MOST_BYTES = 16 * 2**20  # of a submission's files together
MOST_FILES = 1000

Submission = tuple[str, "Source", "Mapping[str, Any]"]


class Submissions(Iterable[Submission | Graded]):
    """The submissions of a directory in the order of their names, hidden ones and Python's ``__pycache__`` left out.

    Each is read when its turn comes, so that there are never more of them in memory than are soon run.

    Args:
        path: The directory; listed once.

    Raises:
        PolicyError: It can't be listed, or nothing is in it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._directory = os.fspath(path)
        try:
            self._names = sorted(filter(_is_shown, os.listdir(path)))
        except OSError as error:
            what = f"{self._directory} can't be listed"
            raise PolicyError(what, seen=str(error.strerror), remedy="a directory") from error
        if not self._names:
            what = f"there are no submissions in {self._directory}"
            raise PolicyError(what, remedy="a file or a directory for each")

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[Submission | Graded]:
        """Yield the name, the source and the options of each, or a row in place of what can't be read."""
        return (_read(self._directory, name) for name in self._names)


def _is_shown(name: str) -> bool:
    return not name.startswith(".") and name != "__pycache__"


def _read(directory: str, name: str) -> Submission | Graded:
    path = os.path.join(directory, name)
    try:
        if stat.S_ISDIR(os.lstat(path).st_mode):
            return _of_directory(path, name)
        text = _content(path)
        _source.refuse_other_than_code(text, path)
        return name, _source.Source(text=text, path=os.path.abspath(path)), {}
    except PolicyError as error:
        return Graded(name=name, why=str(error))
    except OSError as error:
        why = "it is a link" if error.errno == errno.ELOOP else f"it can't be read: {error.strerror}"
        return Graded(name=name, why=why)


def _of_directory(path: str, name: str) -> Submission | Graded:
    files: dict[str, bytes] = {}
    size = 0
    for inside in _names(path):
        files[inside] = _content(os.path.join(path, inside))
        size += len(files[inside])
        if len(files) > MOST_FILES or size > MOST_BYTES:
            return Graded(name=name, why=f"it has more than {MOST_FILES} files or {MOST_BYTES // 2**20} MiB")
    main = next((each for each in MAIN if each in files), None)
    if main is None:
        return Graded(name=name, why=f"there is no {MAIN[0]} in it")
    source = _source.Source(text=files.pop(main), path=os.path.abspath(os.path.join(path, main)))
    return name, source, {"files": files}


def _names(path: str) -> Iterator[str]:
    """Yield the names of the files below a directory, links and hidden ones left out.

    Not by `os.walk`, which calls itself for each level until Python 3.12: strangers nest deeper than Python may.
    """
    waiting = [path]
    while waiting:
        directory = waiting.pop()
        directories = []
        with os.scandir(directory) as entries:
            found = sorted((entry for entry in entries if _is_shown(entry.name)), key=lambda entry: entry.name)
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                directories.append(entry.path)
            elif entry.is_file(follow_symlinks=False):
                yield os.path.relpath(entry.path, path)
        waiting += reversed(directories)


def _content(path: str) -> bytes:
    """Return a file's content.

    Raises:
        OSError: It can't be read, is a link, or no ordinary file.
        PolicyError: It is too large.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise PolicyError("it is no ordinary file", remedy="a file with code in it")
        if found.st_size > MOST_BYTES:
            raise PolicyError("it is too large", seen=f"{found.st_size} bytes", remedy=f"{MOST_BYTES} at most")
        return file.read(MOST_BYTES)
