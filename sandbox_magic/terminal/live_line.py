"""The live line of a running cell at the bottom of a terminal, drawn with rich."""

from __future__ import annotations

import logging
import sys
import threading
import time
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from sandbox_magic.model import summary
from sandbox_magic.model.even import drawn
from sandbox_magic.model.timeline import Recorder
from sandbox_magic.safe_import import importing
from sandbox_magic.terminal.sparkline import pair
from sandbox_magic.terminal.streams import draws_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox_magic.model.policy import Limits
    from sandbox_magic.model.timeline import Sample, Timeline

LIVE_AFTER_SECONDS = 0.25  # a shorter run costs no import of the library
REDRAW_EVERY_SECONDS = 0.2
LEAST_CURVE, MOST_CURVE = 4, 16  # characters

_log = logging.getLogger(__name__)

_OF_CPU, _OF_MEMORY = 2, 3  # the place of their figures in the line


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
        """Take a sample; return whether it is time to draw."""
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
            text = Text.assemble(*pieces(line, drawn(self._recorder.timeline()), self._limits.memory_bytes, width))
            self._erase()
            self._shown = True
            self._console.print(text, end="", no_wrap=True, overflow="ellipsis", crop=True)
            self._due = time.monotonic() + REDRAW_EVERY_SECONDS

    def hide(self) -> bool:
        """Take it away; return whether it was there."""
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
    """Return the figures of a live line that have room, each whole or not at all, and the width of each curve.

    The curves follow CPU and memory, the second figure and the third; they are left out before those are,
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


def pieces(line: summary.Line, timeline: Timeline, memory_limit_bytes: int, width: int) -> Iterator[tuple[str, str]]:
    """Yield the text of the live line piece by piece, each with its style."""
    figures, curve = fitted(line, width)
    curves = dict(zip((_OF_CPU, _OF_MEMORY), pair(timeline, memory_limit_bytes, curve), strict=True)) if curve else {}
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
    """Return the console on standard error; None where it can't be driven or can't show the curves."""
    with importing():
        from rich.console import Console

        console = Console(file=sys.stderr, force_jupyter=False, highlight=False, markup=False, emoji=False)
    usable = console.is_terminal and not console.is_dumb_terminal and draws_blocks()
    return console if usable else None
