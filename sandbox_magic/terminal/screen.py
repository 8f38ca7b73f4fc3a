"""A run at a terminal: the code's text on its two streams, and below it a live line while the code runs."""

from __future__ import annotations

import re
import sys
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from sandbox_magic.terminal.live_line import LiveLine
from sandbox_magic.terminal.prompt import ask
from sandbox_magic.terminal.streams import file, is_terminal

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from sandbox_magic.model.output import InputRequest, Text
    from sandbox_magic.model.policy import Limits
    from sandbox_magic.model.timeline import Sample

MOST_COLOURS = 16  # sequences since the last reset that are worth repeating

_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_RESETS = {"\x1b[m", "\x1b[0m"}
_RESET = "\x1b[0m"


class Terminal:
    """Where the code's text goes, and the live line.

    The line is below the text, only while the text's last line is whole; it is removed before
    more text comes, so nothing of it is ever left in between. In a pipe there is none.

    Args:
        limits: The bounds of the run.
        live: Whether a live line is wanted.
    """

    def __init__(self, limits: Limits, *, live: bool) -> None:
        screen = _Place()
        self._places = {name: screen if is_terminal(name) else _Place() for name in ("stdout", "stderr")}
        self._screen = screen
        self._line = LiveLine(limits) if live and is_terminal("stderr") else None

    def write(self, event: Text) -> None:
        """Write the code's text to this process's stream of the same name, at once."""
        stream, place = file(event.stream), self._places[event.stream]
        if place is self._screen:
            self._hide()
        stream.write(event.text)
        stream.flush()
        place.feed(event.text)
        if place is self._screen:
            self._show()

    def add(self, sample: Sample) -> None:
        """Take a sample of the running code; move the live line if that is due."""
        if self._line is not None and self._line.add(sample):
            self._show()

    def ask(self, request: InputRequest, who: str) -> str | None:
        """As the function `ask`, without the live line meanwhile."""
        self._hide()
        return ask(request, who)

    def end(self) -> None:
        """Take the live line away for good, and end the colours that the code left on."""
        self._hide()
        self._line = None
        if self._screen.colours:
            self._screen.colours.clear()
            sys.stderr.write(_RESET)
            sys.stderr.flush()

    def say(self, *lines: str) -> None:
        """Write messages to standard error, each on a line of its own."""
        place = self._places["stderr"]
        for line in lines:
            sys.stderr.write(f"{'' if place.at_start else chr(10)}{line}\n")
            place.at_start = True
        sys.stderr.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(OSError, ValueError):  # the terminal has gone
            self.end()

    def _hide(self) -> None:
        if self._line is not None and self._line.hide() and self._screen.colours:
            sys.stderr.write("".join(self._screen.colours))
            sys.stderr.flush()

    def _show(self) -> None:
        if self._line is None or not self._screen.at_start:
            return
        if self._screen.colours:
            sys.stderr.write(_RESET)
        self._line.show()


class _Place:
    """Where the next character of a stream would be.

    Attributes:
        at_start: At the start of an empty line.
        colours: The sequences since the last reset, the newest.
    """

    def __init__(self) -> None:
        self.at_start = True
        self.colours: deque[str] = deque(maxlen=MOST_COLOURS)

    def feed(self, text: str) -> None:
        """Take text that is written there."""
        for sequence in _COLOUR.findall(text):
            if sequence in _RESETS:
                self.colours.clear()
            else:
                self.colours.append(sequence)
        if bare := _COLOUR.sub("", text):
            self.at_start = bare.endswith("\n")
