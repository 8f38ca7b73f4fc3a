"""A cell is characters: a line that names an encoding has a meaning in a file only, where Python would read bytes."""

from __future__ import annotations

import linecache
import sys
import traceback

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from types import TracebackType


def matters(source: bytes) -> bool:
    """Return whether one of the first two lines may name an encoding that is not UTF-8."""
    lines = b"".join(source.split(b"\n", 2)[:2]).lower()
    return b"coding" in lines and b"utf-8" not in lines and b"utf8" not in lines


def characters(source: bytes, file: str) -> str | bytes:
    """Return the characters of a cell, for which Python looks at no such line; its bytes if they are not UTF-8.

    For a traceback Python itself would read the file by its encoding line, so its lines are remembered.
    """
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError:
        return source
    remember(text, file)
    return text


def remember(text: str, file: str) -> None:
    """Have tracebacks show these lines of a file, which they would not find, or not read as we do."""
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _from_remembered_lines


def _from_remembered_lines(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    traceback.print_exception(kind, error, trace)
