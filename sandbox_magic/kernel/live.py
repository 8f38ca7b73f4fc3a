"""The picture of `%sandbox dashboard`, which follows the cells: renewed after each, and each second while one runs."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox_magic.kernel.course import Course
    from sandbox_magic.model.result import Result
    from sandbox_magic.model.timeline import Sample

EVERY_SECONDS = 1.0


class Live:
    """Sends the picture again under its display id, by the view of whichever cell runs, once somebody has asked for it.

    A front end changes it in each cell that has shown it. The code can't: its displays have names of the host's.

    Args:
        course: What all cells have used.
        clock: Tells the time.
    """

    def __init__(self, course: Course, clock: Callable[[], float] = time.monotonic) -> None:
        self._course = course
        self._clock = clock
        self._place = f"sandbox-dashboard-{secrets.token_hex(8)}"
        self._is_shown = False
        self._due = 0.0

    def show(self) -> dict[str, Any]:
        """Return the display that is to be renewed from now on."""
        self._is_shown = True
        return self._content()

    def begin(self, number: int) -> None:
        """Take note that a cell runs now, and its execution count."""
        self._course.begin(number)
        self._due = self._clock() + EVERY_SECONDS

    def add(self, sample: Sample, publish: Callable[[str, dict[str, Any]], None]) -> None:
        """Take a sample of the cell that runs; send the picture, if it is time to."""
        self._course.sample(sample)
        if self._is_shown and self._clock() >= self._due:
            self._due = self._clock() + EVERY_SECONDS
            publish("update_display_data", self._content())

    def end(self, result: Result, publish: Callable[[str, dict[str, Any]], None]) -> None:
        """Take the result of the cell, and send the picture."""
        self._course.add(result)
        if self._is_shown:
            publish("update_display_data", self._content())

    def _content(self) -> dict[str, Any]:
        return {"data": self._course.bundle(), "metadata": {}, "transient": {"display_id": self._place}}
