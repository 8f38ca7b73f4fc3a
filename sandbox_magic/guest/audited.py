"""Says which line of the cell opens, runs, connects to or looks up what, as Python's audit events have it.

Only where attempts are listed. It is the code's own word: the events come from this interpreter, which is the code's.
Each thing is told once a cell, the first time. What only asks whether a file is there raises no event.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable

MOST = 500  # of a cell
_MOST_FRAMES = 200
_MOST_BYTES = 4000
_MOST_QUIET = 5000
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

_EVENTS = {
    "open": (b"open", 0),
    "os.listdir": (b"open", 0),
    "os.scandir": (b"open", 0),
    "os.truncate": (b"open", 0),
    "os.remove": (b"remove", 0),
    "os.rmdir": (b"remove", 0),
    "os.rename": (b"rename", 0),
    "os.link": (b"rename", 0),
    "os.symlink": (b"rename", 0),
    "os.exec": (b"run", 0),
    "os.posix_spawn": (b"run", 0),
    "os.system": (b"run", 0),
    "subprocess.Popen": (b"run", 0),
    "socket.connect": (b"connect", 1),
    "socket.sendto": (b"send", 1),
    "socket.sendmsg": (b"send", 1),
    "socket.getaddrinfo": (b"look up", 0),
    "socket.gethostbyname": (b"look up", 0),
}
"""Event -> the kind of attempt, and which argument is its target."""


class Audited:
    """Takes the events of one process.

    Args:
        tell: Sends the host a frame.
        busy: Returns whether a frame is being sent, perhaps by this very thread.
    """

    def __init__(self, tell: Callable[..., None], busy: Callable[[], bool]) -> None:
        self._tell = tell
        self._busy = busy
        self._file = ""
        self._told: set[tuple[bytes, bytes, bytes]] = set()
        self._waiting: list[tuple[bytes, bytes, bytes, bytes]] = []
        self._own: tuple[str, ...] = ()
        self._quiet: set[str] = set()  # names of its own files that were read already
        sys.addaudithook(self._hook)

    def begin(self, file: str) -> None:
        """Begin with a cell.

        Args:
            file: The name of its code.
        """
        self._file = file
        self._told.clear()
        self._quiet.clear()
        theirs = {"", os.path.dirname(file), os.getcwd()}
        prefixes = {sys.prefix, sys.base_prefix, *(path for path in sys.path if path not in theirs)}
        self._own = ("/usr/lib", "/lib", "/sandbox/", "/proc/self/", *(f"{path}/" for path in prefixes))

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _EVENTS:
            return
        try:
            if event == "open" and arguments[0] in self._quiet and not arguments[2] & _WRITES:
                return
            if len(self._told) < MOST:
                self._take(event, arguments)
        except Exception:  # noqa: BLE001 - an event must never become the code's error
            return

    def _take(self, event: str, arguments: tuple[Any, ...]) -> None:
        kind, place = _EVENTS[event]
        target = "/bin/sh" if event == "os.system" else arguments[place]
        if event == "open" and type(target) is str and target.startswith(self._own) and not arguments[2] & _WRITES:
            if len(self._quiet) < _MOST_QUIET:
                self._quiet.add(target)
            return  # an import, most likely: the host counts it and no more
        for what, words, port in _named(kind, target, arguments):
            if words and (what, words, port) not in self._told:
                self._told.add((what, words, port))
                line = _line_of(self._file, sys._getframe(2))  # noqa: SLF001 - whose frames there are
                self._waiting.append((what, words[:_MOST_BYTES], b"%d" % line, port))
        while self._waiting and not self._busy():  # else with the next one
            self._tell(b"tried", *self._waiting.pop(0))


def _named(kind: bytes, target: Any, arguments: tuple[Any, ...]) -> list[tuple[bytes, bytes, bytes]]:
    """Return what an event is about: kinds, targets as the system call would name them, the port of a name."""
    if kind == b"look up":
        port = arguments[1] if len(arguments) > 1 else None
        return [(kind, _text(target), b"%d" % port if isinstance(port, int) else b"")]
    if kind in (b"connect", b"send"):
        if isinstance(target, tuple):
            host, port = _text(target[0]), b"%d" % target[1]
            form = b"[%b]:%b" if b":" in host else b"%b:%b"
            return [(kind, form % (host, port), b""), (b"look up", host, port)]
        return [(kind, _text(target).replace(b"\0", b"@", 1), b"")]
    if kind == b"rename":
        return [(kind, os.fsencode(target) + b" -> " + os.fsencode(arguments[1]), b"")]
    if target is None and kind == b"open":  # os.listdir()
        return [(kind, b".", b"")]
    return [] if isinstance(target, int) else [(kind, os.fsencode(target), b"")]


def _text(target: Any) -> bytes:
    if isinstance(target, (bytes, bytearray)):
        return bytes(target)
    return os.fsencode(target) if target else b""


def _line_of(file: str, frame: FrameType | None) -> int:
    """Return the line of the cell that is being run; 0 if it is none of the cell's."""
    for _ in range(_MOST_FRAMES):
        if frame is None:
            break
        if frame.f_code.co_filename == file:
            return frame.f_lineno or 0
        frame = frame.f_back
    return 0
