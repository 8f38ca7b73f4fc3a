"""Shows an error in one write, marked, so that of many processes none tears another's and the host knows the same."""

from __future__ import annotations

import io
import os
import sys

from . import wire

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Callable

_OURS = os.path.dirname(os.path.abspath(__file__)) + "/"
_stderr_file = os.fstat(2).st_ino  # of what is standard error for the host
_is_apart = False


def show(error: BaseException) -> None:
    """Show an error as Python does, without our frames."""
    without_ours(error)
    at_once(lambda: _write(error))


def set_apart(apart: bool) -> None:  # noqa: FBT001 - one of two
    """Write errors no more, for who is told of them in parts; or again."""
    global _is_apart  # noqa: PLW0603 - of this process
    _is_apart = apart


def is_apart() -> bool:
    """Return whether who shows errors is told of them in parts: a front end, which draws their colours."""
    return _is_apart


def at_once(write: Callable[[], None]) -> None:
    """Let an error be written, all at once.

    Args:
        write: Writes it to sys.stderr, in pieces.
    """
    stderr = sys.stderr
    if stderr is None or stderr is not sys.__stderr__:
        write()
        return
    text = io.StringIO()
    sys.stderr = text
    try:
        write()
    finally:
        sys.stderr = stderr
    if not _is_apart:
        _put(text.getvalue())


def _put(text: str) -> None:
    data = text.encode("utf-8", "backslashreplace")
    try:
        sys.stderr.flush()
        if len(data) <= wire.ERROR_BYTES and os.fstat(sys.stderr.fileno()).st_ino == _stderr_file:
            sys.stderr.buffer.write(b"%s%d;%s" % (wire.ERROR_MARK, len(data), data))
        else:
            sys.stderr.write(text)
    except (OSError, ValueError):  # the cell closed it
        return


def _write(error: BaseException) -> None:
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except BaseException:  # noqa: BLE001 - the cell's own hook failed
        sys.__excepthook__(type(error), error, error.__traceback__)


def without_ours(error: BaseException | None) -> None:
    """Take our frames out of an error's traceback, and out of those of the errors that it comes from."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        kept = [each for each in _entries(error.__traceback__) if not _is_ours(each)]
        for entry in kept:  # cut first: who sets the next one has Python walk from there to the end, for a circle
            entry.tb_next = None
        for entry, following in zip(kept, kept[1:]):  # one shorter, and 3.9 has no strict
            entry.tb_next = following
        error.__traceback__ = kept[0] if kept else None
        error = error.__cause__ or error.__context__


def _entries(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _is_ours(entry: TracebackType) -> bool:
    return entry.tb_frame.f_code.co_filename.startswith(_OURS)
