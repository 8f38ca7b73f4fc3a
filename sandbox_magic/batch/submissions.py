"""Submissions of a directory: each file, and each directory with a ``main.py``; no link is followed.

The names and the files are strangers'. A link among them could bring a file of the grader's into the report.
"""

from __future__ import annotations

import errno
import os
import stat
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


def found_in(path: str | os.PathLike[str]) -> list[tuple[str, Source, Mapping[str, Any]] | Graded]:
    """Return the submissions of a directory in the order of their names, hidden ones left out.

    Raises:
        PolicyError: It can't be listed, or nothing is in it.
    """
    directory = os.fspath(path)
    try:
        names = sorted(name for name in os.listdir(directory) if not name.startswith("."))
    except OSError as error:
        raise PolicyError(f"{directory} can't be listed", seen=str(error.strerror), remedy="a directory") from error
    if not names:
        raise PolicyError(f"there are no submissions in {directory}", remedy="a file or a directory for each")
    return [_read(directory, name) for name in names]


def _read(directory: str, name: str) -> tuple[str, Source, Mapping[str, Any]] | Graded:
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


def _of_directory(path: str, name: str) -> tuple[str, Source, Mapping[str, Any]] | Graded:
    files: dict[str, bytes] = {}
    for inside in _names(path):
        files[inside] = _content(os.path.join(path, inside))
        if len(files) > MOST_FILES or sum(map(len, files.values())) > MOST_BYTES:
            return Graded(name=name, why=f"it has more than {MOST_FILES} files or {MOST_BYTES // 2**20} MiB")
    main = next((each for each in MAIN if each in files), None)
    if main is None:
        return Graded(name=name, why=f"there is no {MAIN[0]} in it")
    source = _source.Source(text=files.pop(main), path=os.path.abspath(os.path.join(path, main)))
    return name, source, {"files": files}


def _names(path: str) -> Iterator[str]:
    """Yield the names of the files below a directory, links and hidden ones left out."""
    for directory, directories, names in os.walk(path):
        directories[:] = sorted(each for each in directories if not each.startswith(".") and each != "__pycache__")
        for name in sorted(names):
            whole = os.path.join(directory, name)
            if not name.startswith(".") and stat.S_ISREG(os.lstat(whole).st_mode):
                yield os.path.relpath(whole, path)


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
