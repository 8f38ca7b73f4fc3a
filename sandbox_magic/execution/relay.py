"""Relays the code's output from its pipes to the caller: bounded, coalesced, in order."""

from __future__ import annotations

import fcntl
import os
import sys
import termios
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from sandbox_magic.execution.tracebacks import Tracebacks
from sandbox_magic.model.output import StreamName, Text
from sandbox_magic.untrusted.text import Cleaner, HeadTail, dropped_line

if TYPE_CHECKING:
    from collections.abc import Container

COALESCE_SECONDS = 0.1  # Jupyter drops output above 1000 messages a second
PARTIAL_SECONDS = 0.01  # a line is often written in two pieces, text and newline
_READ_BYTES = 256 * 1024
_MUCH = 64 * 1024  # in the time of one event
_LITTLE = 128 * 1024  # in one piece: half of what their pipes hold
_MOMENT_SECONDS = 0.0005
_DRAINED_PIECES = 8  # of each stream, before a display and at the end: more than a pipe holds


class Stream:
    """One output stream of the code.

    What is shown live is the first ``most`` bytes; what is kept is a head and a tail of together
    ``most`` bytes, so a run whose output fits is shown whole as it is produced.

    Args:
        name: ``stdout`` or ``stderr``.
        descriptor: Our end of its pipe, non-blocking.
        most: The output limit.

    Attributes:
        ended: Whether its end has been read.
    """

    def __init__(self, name: StreamName, descriptor: int, most: int) -> None:
        self.name = name
        self.descriptor = descriptor
        self.kept: HeadTail = HeadTail(most)
        self.ended: bool = False
        self._most = most
        self._cleaner = Cleaner()
        self._tracebacks = Tracebacks() if name == "stderr" else None
        self._since = 0.0
        self._lately = self._last = 0  # bytes since then, and of the last piece

    def waiting(self) -> int:
        """Return how many bytes can be read now."""
        return int.from_bytes(fcntl.ioctl(self.descriptor, termios.FIONREAD, bytes(4)), sys.byteorder)

    def read(self, most: int = _READ_BYTES) -> str | None:
        """Take what is there; return the text to show, None at the end of the stream.

        Args:
            most: How many bytes at most.

        Raises:
            BlockingIOError: There is nothing now.
        """
        data = os.read(self.descriptor, most)
        if not data:
            self.ended = True
            return None
        self._count(len(data))
        return self._take(data if self._tracebacks is None else self._tracebacks.feed(data))

    def _take(self, data: bytes) -> str:
        room = max(0, self._most - self.kept.total)
        self.kept.feed(data)
        return self._cleaner.feed(data[:room]) if room else ""

    def _count(self, size: int) -> None:
        if (now := time.monotonic()) - self._since > COALESCE_SECONDS:
            self._since, self._lately = now, 0
        self._lately += size
        self._last = size

    def wait(self) -> None:
        """Let more come where much comes in little pieces: to be woken by each costs both sides more than it brings."""
        if self._lately > _MUCH and self._last < _LITTLE:
            time.sleep(_MOMENT_SECONDS)

    def whole(self) -> tuple[bytes, str]:
        """Return what was kept, and as text; what had nothing to clean as it came has nothing now."""
        data = self.kept.data
        plain = self._cleaner.plain and not self.kept.dropped
        return data, data.decode("utf-8", "replace") if plain else self.kept.text

    def rest(self) -> str:
        """Return what is still to be shown when everything has been read: what was dropped, and the tail."""
        told = self._take(self._tracebacks.end()) if self._tracebacks else ""
        return told + self._unseen()

    def _unseen(self) -> str:
        unseen = max(0, self.kept.total - self._most)
        tail = self.kept.tail(unseen)
        if len(tail) == unseen:
            return self._cleaner.feed(tail, last=True)
        held = self._cleaner.feed(b"", last=True)
        return f"{held}\n{dropped_line(unseen - len(tail))}\n{Cleaner().feed(tail, last=True)}"


class Coalescer:
    """Joins pieces of text into few events, without tearing a line and without reordering lines."""

    def __init__(self) -> None:
        self._pieces: list[tuple[StreamName, list[str]]] = []  # joined at the end: each += would copy the whole
        self._flushed = 0.0
        self._arrived = 0.0

    def add(self, stream: StreamName, text: str) -> None:
        """Take a piece of text."""
        if not text:
            return
        if not self._pieces:
            self._arrived = time.monotonic()
        for piece in reversed(self._pieces):
            name, texts = piece
            if name == stream:
                if piece is self._pieces[-1] or not texts[-1].endswith("\n"):
                    texts.append(text)
                    return
                break
        self._pieces.append((stream, [text]))

    def due(self) -> float | None:
        """Return the moment of `time.monotonic` at which to flush; None if there is nothing."""
        if not self._pieces:
            return None
        whole = all(texts[-1].endswith("\n") for _, texts in self._pieces)
        return max(self._arrived + (0.0 if whole else PARTIAL_SECONDS), self._flushed + COALESCE_SECONDS)

    def flush(self) -> list[Text]:
        """Return everything as events."""
        pieces, self._pieces = self._pieces, []
        self._flushed = time.monotonic()
        return [Text(name, "".join(texts)) for name, texts in pieces]


class Relay:
    """Both streams of a run, to events.

    Args:
        stdout: Our end of its pipe, non-blocking.
        stderr: Likewise.
        most: The output limit of each.

    Attributes:
        streams: Standard output and standard error.
        wrote: Whether anything has been read.
    """

    def __init__(self, stdout: int, stderr: int, most: int) -> None:
        self.streams: tuple[Stream, Stream] = (Stream("stdout", stdout, most), Stream("stderr", stderr, most))
        self.wrote: bool = False
        self._text = Coalescer()

    def in_order(self, ready: Container[object]) -> list[tuple[Stream, int]]:
        """Return the streams to read, in order, and how much of each.

        What is there of standard error was written after what is then found in standard output, or next to it: Python
        inside waits before it writes to standard output again (`guest/order.py`), and of others nothing is known.
        """
        stdout, stderr = self.streams
        if stderr not in ready:
            return [(stdout, _READ_BYTES)] if stdout in ready else []
        most = max(1, min(stderr.waiting(), _READ_BYTES))
        return [(stdout, _READ_BYTES), (stderr, most)] if not stdout.ended else [(stderr, most)]

    def read(self, stream: Stream, most: int = _READ_BYTES) -> bool:
        """Take a piece of what is there; return False at the end of the stream.

        Args:
            stream: Standard output or standard error.
            most: How many bytes at most.

        Raises:
            BlockingIOError: There is nothing now.
        """
        text = stream.read(most)
        self.wrote = self.wrote or bool(text)
        self._text.add(stream.name, text or "")
        return text is not None

    def wait(self, ready: Container[object]) -> None:
        """Let more come, when both streams have been read: so what is written next to one is not read before the other.

        Args:
            ready: The streams that were read are among these.
        """
        for stream in self.streams:
            if stream in ready:
                stream.wait()

    def drain(self) -> list[Text]:
        """Return the text that is in the pipes, so that it comes before what was shown after it."""
        for stream in self.streams:
            self._read_what_is_there(stream)
        return self._text.flush()

    def _read_what_is_there(self, stream: Stream) -> None:
        with suppress(BlockingIOError):
            for _ in range(_DRAINED_PIECES):
                if not self.read(stream):
                    break

    def finish(self) -> list[Text]:
        """Return all that is left, when the last writer is dead, or a session's cell is over."""
        for stream in self.streams:
            self._read_what_is_there(stream)
            self._text.add(stream.name, stream.rest())
        texts = self._text.flush()
        return sorted(texts, key=lambda text: text.stream == "stderr") if self._flooded else texts

    @property
    def _flooded(self) -> bool:
        """Whether standard output has a tail that is shown at the end.

        What is then written to standard error waits a little, so that the traceback of a flood comes after it.
        """
        return bool(self.streams[0].kept.dropped)

    def due(self) -> float | None:
        """Return the moment of `time.monotonic` at which to flush; None if there is nothing."""
        due = self._text.due()
        return due if due is None or not self._flooded else due + COALESCE_SECONDS

    def flush(self) -> list[Text]:
        """Return what is due."""
        due = self.due()
        return self._text.flush() if due is not None and time.monotonic() >= due else []
