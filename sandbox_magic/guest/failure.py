"""What an exception that ended the cell is, in parts: its name, its message, its traceback, its line.

Loaded only where one did. The traceback is what Python itself writes, so it is written once more, into memory, instead
of by the module ``traceback``, which takes ten milliseconds to import.
"""

from __future__ import annotations

import io
import sys

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from types import FrameType

_MOST_WORDS = 64 * 1024  # bytes of the message, and of the traceback
_MOST_CAUSES = 20


def parts(error: BaseException, file: str, written: str = "") -> tuple[bytes, bytes, bytes, bytes]:
    """Return name, message, traceback and the number of the line; empty where the cell's file has no part in it.

    Args:
        error: What was raised, without our frames.
        file: The cell's.
        written: The traceback, where it is not as Python itself writes it.
    """
    line = line_in(error, file)
    words = (_name(type(error)), _message(error), written or _written(error), "" if line is None else str(line))
    name, message, traceback, number = (word.encode("utf-8", "replace") for word in words)
    return name[:1000], message[:_MOST_WORDS], _bounded(traceback), number


def _name(kind: type) -> str:
    """Return its name as a traceback has it."""
    own = kind.__module__ in ("builtins", "__main__")
    return kind.__qualname__ if own else "%s.%s" % (kind.__module__, kind.__qualname__)


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - whatever its own method raises
        return "<exception str() failed>"  # as Python itself writes


def line_in(error: BaseException, file: str) -> int | None:
    """Return the innermost line of a file, of the cell's own where its author looks first; None if it has no part."""
    found = error.lineno if isinstance(error, SyntaxError) and error.filename == file else None
    entry = error.__traceback__
    while entry is not None and not isinstance(error, SyntaxError):
        if entry.tb_frame.f_code.co_filename == file:
            found = entry.tb_lineno
        entry = entry.tb_next
    return found


def sought(error: BaseException) -> tuple[bytes, bytes] | None:
    """Return the host and the port that were being looked up or connected to when it was raised; None for none.

    Few clients have them in their message, and after a redirect they are in no line of the cell. The port is in digits,
    or empty where it is not known.
    """
    cause: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        entry = cause.__traceback__ if cause is not None else None
        while entry is not None:
            host, port = _place_in(entry.tb_frame)
            if type(host) is str:
                return host.encode("utf-8", "replace"), b"%d" % port if type(port) is int and port > 0 else b""
            entry = entry.tb_next
        cause = cause and (cause.__cause__ or cause.__context__)
    return None


def _place_in(frame: FrameType) -> tuple[object, object]:
    """Return the host and the port that a frame seeks: of ``socket``, ``asyncio`` or urllib3; None twice for none."""
    local = frame.f_locals
    if frame.f_code.co_name not in ("getaddrinfo", "create_connection"):
        return None, None
    address = local.get("address")
    if type(address) is tuple and len(address) == 2:
        return address
    return local.get("host"), local.get("port")


def _written(error: BaseException) -> str:
    stream, before = io.StringIO(), sys.stderr
    sys.stderr = stream
    try:
        sys.__excepthook__(type(error), error, error.__traceback__)
    finally:
        sys.stderr = before
    return stream.getvalue()


def _bounded(text: bytes) -> bytes:
    """Return it without its middle, where it is long: how it begins and what was raised matter most."""
    half = _MOST_WORDS // 2
    return text if len(text) <= _MOST_WORDS else text[:half] + b"\n[...]\n" + text[-half:]
