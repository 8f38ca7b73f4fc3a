"""Standard error without frames of the guest's, and with an error that many processes show alike shown once.

Where Python itself writes a stack (at a time limit, in a crash) the guest's frames are below the code's, in a session
with those of IPython that run a cell. A forked copy
of the cell's process ends with the cell's error like any other, so that of a fork bomb there are as many as it has
processes; the guest marks each (`guest/error_text.py`). Code that writes such a line or mark itself loses it, or has
it shown once: it could have left it out.
"""

from __future__ import annotations

import re

from sandbox_magic.guest.wire import ERROR_BYTES, ERROR_MARK
from sandbox_magic.jail.view.places import GUEST

_FRAME = b'  File "'
_FILES = re.escape(GUEST.encode()) + rb"/[^\"\n]*|[^\"\n]*/IPython/core/(?:interactiveshell|async_helpers)\.py"
_PLACE = rb"\", line \d+(?: in [^\n]*\n|, in [^\n]*\n(?:    [^\n]*\n)*)"
_OURS = re.compile(rb"^" + re.escape(_FRAME) + rb"(?:" + _FILES + rb")" + _PLACE, re.MULTILINE)
_MARKED = re.compile(re.escape(ERROR_MARK) + rb"(\d{1,4});")
_SURE = 7  # bytes of the beginning of a frame, which Python writes at once
_MOST_HELD = ERROR_BYTES + 64
_MOST_KINDS = 64  # of errors that are counted


class Tracebacks:
    """Takes the pieces of a stream as they come."""

    def __init__(self) -> None:
        self._held = b""
        self._again: dict[bytes, int] = {}

    def feed(self, data: bytes) -> bytes:
        """Take the next piece; return what of it, and of what was held back, is shown."""
        data, self._held = self._held + data, b""
        if ERROR_MARK in data:
            data = self._once(data)
        if _FRAME in data:
            data = _OURS.sub(b"", data)
        line = data[data.rfind(b"\n") + 1 :]
        if _SURE <= len(line) <= _MOST_HELD and line[: len(_FRAME)] == _FRAME[: len(line)]:
            self._held = line + self._held
            data = data[: len(data) - len(line)]
        return data

    def _once(self, data: bytes) -> bytes:
        """Return the text without marks, and without an error that has been shown."""
        shown, end = [], 0
        while match := _MARKED.search(data, end):
            if int(match[1]) > ERROR_BYTES:  # not the guest's
                shown.append(data[end : match.end()])
                end = match.end()
                continue
            shown.append(data[end : match.start()])
            end = match.end() + int(match[1])
            if end > len(data):
                self._held = data[match.start() :]
                return b"".join(shown)
            shown.append(self._unless_shown(data[match.end() : end]))
        return b"".join((*shown, data[end:]))

    def _unless_shown(self, error: bytes) -> bytes:
        if error in self._again:
            self._again[error] += 1
            return b""
        if len(self._again) < _MOST_KINDS:
            self._again[error] = 0
        return error

    def end(self) -> bytes:
        """Return what was held back, and how often an error came again."""
        held, self._held = self._held, b""
        return b"".join((held, *(_again(error, count) for error, count in self._again.items() if count)))


def _again(error: bytes, count: int) -> bytes:
    last = error.strip().rpartition(b"\n")[2]
    processes = "process" if count == 1 else "processes"
    return f"[sandbox: {count} more {processes} ended with the same error: ".encode() + last + b"]\n"
