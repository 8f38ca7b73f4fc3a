"""Shows an error in one write, marked, so that of many processes none tears another's and the host knows the same."""

from __future__ import annotations

import io
import os
import sys

from . import wire

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Callable


def show(write: Callable[[], None], stderr_file: int) -> None:
    """Let an error be written, all at once.

    Args:
        write: Writes it to sys.stderr, in pieces.
        stderr_file: The inode of what is standard error for the host.
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
    _put(text.getvalue(), stderr_file)


def _put(text: str, stderr_file: int) -> None:
    data = text.encode("utf-8", "backslashreplace")
    try:
        sys.stderr.flush()
        if len(data) <= wire.ERROR_BYTES and os.fstat(sys.stderr.fileno()).st_ino == stderr_file:
            sys.stderr.buffer.write(b"%s%d;%s" % (wire.ERROR_MARK, len(data), data))
        else:
            sys.stderr.write(text)
    except (OSError, ValueError):  # the cell closed it
        return
