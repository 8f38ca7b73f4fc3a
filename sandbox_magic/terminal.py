"""A run at a terminal: the code's text on its two streams, and below it a live line while the code runs."""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from functools import cache
from getpass import getpass
from typing import TYPE_CHECKING, Any

from sandbox_magic.model import summary
from sandbox_magic.model.timeline import Recorder
from sandbox_magic.sparkline import pair
from sandbox_magic.trusted import importing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from sandbox_magic.model.events import InputRequest, Sample, StreamName, Text
    from sandbox_magic.model.policy import Limits
    from sandbox_magic.model.timeline import Timeline

LIVE_AFTER_SECONDS = 0.25  # a shorter run costs no import of the library
REDRAW_EVERY_SECONDS = 0.2
LEAST_CURVE, MOST_CURVE = 4, 16  # characters
MOST_COLOURS = 16  # sequences since the last reset that are worth repeating

_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_RESETS = {"\x1b[m", "\x1b[0m"}
_RESET = "\x1b[0m"

_log = logging.getLogger(__name__)

_OF_CPU, _OF_MEMORY = 2, 3  # the place of their figures in the line


class Terminal:
    """Where the code's text goes, and the live line.

    The line stands below the text, only while the text's last line is whole; it is taken away before
    more text comes, so nothing of it is ever left in between. In a pipe there is none.

    Args:
        limits: The bounds of the run.
        live: Whether a live line is wanted.
    """

    def __init__(self, limits: Limits, *, live: bool) -> None:
        screen = _Place()
        self._places = {name: screen if _is_terminal(name) else _Place() for name in ("stdout", "stderr")}
        self._screen = screen
        self._line = LiveLine(limits) if live and _is_terminal("stderr") else None

    def write(self, event: Text) -> None:
        """Write the code's text to the stream of ours that has the same name, at once."""
        file, place = _file(event.stream), self._places[event.stream]
        if place is self._screen:
            self._hide()
        file.write(event.text)
        file.flush()
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
        """Write lines of ours to standard error, each on a line of its own."""
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
    """Where the next character of a stream would stand.

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


class LiveLine:
    """One line about the running code at the bottom of a terminal, drawn with rich.

    Trouble with the terminal never fails a run: it is logged, and there is no line any more.

    Args:
        limits: The bounds of the run.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._recorder = Recorder()
        self._newest: Sample | None = None
        self._console: Any = None
        self._shown = False
        self._off = False
        self._due = 0.0

    def add(self, sample: Sample) -> bool:
        """Take a sample; give whether it is time to draw."""
        self._recorder.add(sample)
        self._newest = sample
        if self._off or sample.seconds < LIVE_AFTER_SECONDS or time.monotonic() < self._due:
            return False
        if self._console is None and not _loader().is_alive():
            with self._tolerant():
                self._console = _console()
                self._off = self._console is None
        return self._console is not None

    def show(self) -> None:
        """Draw it, in place of what it showed before."""
        if self._off or self._console is None or self._newest is None:
            return
        with self._tolerant():
            from rich.text import Text

            line = summary.live(self._newest, self._limits)
            width = self._console.width - 1  # a full row would begin the next one
            text = Text.assemble(*pieces(line, self._recorder.timeline(), width))
            self._erase()
            self._shown = True
            self._console.print(text, end="", no_wrap=True, overflow="ellipsis", crop=True)
            self._due = time.monotonic() + REDRAW_EVERY_SECONDS

    def hide(self) -> bool:
        """Take it away; give whether it was there."""
        if not self._shown:
            return False
        self._shown = False
        with self._tolerant():
            self._erase()
        return True

    def _erase(self) -> None:
        from rich.control import Control
        from rich.segment import ControlType

        self._console.control(Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2)))

    @contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever the terminal's trouble is, it is not the run's
            self._off = True
            _log.warning("the live line of a sandbox failed: %s: %s", type(error).__name__, error)


def fitted(line: summary.Line, width: int) -> tuple[tuple[str, ...], int]:
    """Give the figures of a live line that have room, each whole or not at all, and the width of each curve.

    The curves stand behind CPU and memory, the second figure and the third; they go before those do,
    after the rest.
    """
    room = {
        count: width - len(f"● {line.state}") - sum(len(f" · {figure}") for figure in line.figures[:count])
        for count in range(len(line.figures), -1, -1)
    }
    for count, left in room.items():
        if count >= _OF_MEMORY and left >= 2 * (1 + LEAST_CURVE):
            return line.figures[:count], min(left // 2 - 1, MOST_CURVE)
    return line.figures[: next((count for count, left in room.items() if left >= 0), 0)], 0


def pieces(line: summary.Line, timeline: Timeline, width: int) -> Iterator[tuple[str, str]]:
    """Give the text of the live line piece by piece, each with its style."""
    figures, curve = fitted(line, width)
    curves = dict(zip((_OF_CPU, _OF_MEMORY), pair(timeline, curve), strict=True)) if curve else {}
    yield "● ", "green"
    yield line.state, "bold"
    for number, figure in enumerate(figures, 1):
        yield " · ", "dim"
        yield figure, ""
        if number in curves:
            yield f" {curves[number]}", "cyan" if number == _OF_CPU else "yellow"


@cache
def _loader() -> threading.Thread:
    """Start to import the library, once in a process, beside the loop of the run, whose text it must not hold up."""
    thread = threading.Thread(target=_load, name="sandbox-magic-terminal", daemon=True)
    thread.start()
    return thread


def _load() -> None:
    with suppress(Exception), importing():  # `_console` imports again where an error can be told
        import rich.console
        import rich.control
        import rich.text  # noqa: F401 - so that the line finds it imported


def _console() -> Any:
    """Give the console on standard error; None where it can't be driven or can't show the curves."""
    with importing():
        from rich.console import Console

        console = Console(file=sys.stderr, force_jupyter=False, highlight=False, markup=False, emoji=False)
    usable = console.is_terminal and not console.is_dumb_terminal and draws_blocks()
    return console if usable else None


def draws_blocks() -> bool:
    """Tell whether standard error is a terminal whose encoding has the characters of the curves."""
    encoding = (getattr(sys.stderr, "encoding", None) or "").lower().replace("-", "")
    return _is_terminal("stderr") and encoding.startswith("utf")


def ask(request: InputRequest, who: str) -> str | None:
    """Give what the person at the terminal types; None if there is nobody.

    Raises:
        KeyboardInterrupt: The person stopped it, or the run is over.
    """
    if not _person_there():
        return None
    try:
        return getpass(question(request, who)) if request.password else input(question(request, who))
    except EOFError:
        return None


def question(request: InputRequest, who: str) -> str:
    """Give a question with the code's prompt in it, so that it can't be taken for ours or for the system's."""
    return f"the {who} asks: {request.prompt}{' ' * bool(request.prompt)}"


def _person_there() -> bool:
    try:
        return bool(sys.stdin.isatty()) and _is_terminal("stdout")
    except (AttributeError, ValueError):  # closed, or none
        return False


def _file(name: StreamName) -> Any:
    return sys.stdout if name == "stdout" else sys.stderr


def _is_terminal(name: StreamName) -> bool:
    try:
        return bool(_file(name).isatty())
    except (AttributeError, ValueError):  # a stream of somebody's own, a closed one, or none
        return False
