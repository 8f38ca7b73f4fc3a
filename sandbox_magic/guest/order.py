"""Keeps standard output behind the standard error that was written before it, and the other way round.

They are two pipes, and the host can't see which was written first. It reads standard output before what was there of
standard error, so here only one thing is left to do: output that follows an error waits until the host has read that.
"""

from __future__ import annotations

import sys
import time

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Any, Callable

_LOOK_SECONDS = 0.0001  # between two looks whether the host has read it
_LONGEST_SECONDS = 0.1  # for one wait: whoever should read may be busy
_SHARE = 0.1  # of the time so far that may be spent on it, so that code which alternates all the time goes on
_AT_FIRST_SECONDS = 0.3


def keep() -> None:
    """Let what Python writes to its two streams be shown in the order in which it wrote."""
    out, error = sys.stdout.buffer, sys.stderr.buffer
    write_out, write_error, names = out.write, error.write, vars(out)
    left = Patience()

    def after_error(data: Any) -> int:
        written = write_error(data)
        names["write"] = behind_error
        return written

    def behind_error(data: Any) -> int:
        names.pop("write", None)
        left.wait(error.fileno)
        return write_out(data)

    vars(error)["write"] = after_error


class Patience:
    """How long may be waited yet."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._waited = 0.0

    def wait(self, number: Callable[[], int]) -> None:
        """Wait until all that was written to a pipe has been read.

        Args:
            number: Returns its descriptor.
        """
        began = now = time.monotonic()
        due = began + min(_LONGEST_SECONDS, _AT_FIRST_SECONDS + _SHARE * (began - self._began) - self._waited)
        try:
            while now < due and _unread(number()):
                time.sleep(_LOOK_SECONDS)
                now = time.monotonic()
        except (OSError, ValueError):  # it is closed, or no pipe any more
            pass
        self._waited += now - began


def _unread(number: int) -> bool:
    from fcntl import ioctl
    from termios import FIONREAD

    return ioctl(number, FIONREAD, b"\0" * 4) != b"\0" * 4
