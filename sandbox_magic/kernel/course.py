"""What a notebook's cells have used so far, one behind the other, as one picture: `%sandbox dashboard`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox_magic.model.summary import Line
from sandbox_magic.model.timeline import Mark, Recorder
from sandbox_magic.model.units import seconds, size
from sandbox_magic.picture import course

if TYPE_CHECKING:
    from sandbox_magic.model.result import Result


class Course:
    """The course of a session: the time between its cells is left out."""

    def __init__(self) -> None:
        self._recorder = Recorder()
        self._cells = 0
        self._seconds = self._cpu_seconds = 0.0
        self._limit_bytes: int | None = None

    def add(self, result: Result, number: int) -> None:
        """Take the next cell's result.

        Args:
            result: The result.
            number: The cell's execution count.
        """
        self._cells += 1
        self._recorder.mark(Mark(f"In [{number}]", self._seconds, own=True))
        for sample in result.timeline.samples:
            moved = replace(sample, seconds=self._seconds + sample.seconds)
            self._recorder.add(replace(moved, cpu_seconds=self._cpu_seconds + (sample.cpu_seconds or 0.0)))
        self._seconds += result.usage.wall_seconds
        self._cpu_seconds += result.usage.cpu_seconds or 0.0
        self._limit_bytes = result.limits.memory_bytes

    def bundle(self) -> dict[str, str]:
        """Return the picture, with its line in words."""
        timeline = replace(self._recorder.timeline(), memory_limit_bytes=self._limit_bytes)
        peak = timeline.peak("memory_bytes")
        figures = (
            f"{self._cells} cells" if self._cells != 1 else "1 cell",
            f"ran for {seconds(self._seconds)}",
            f"CPU time {seconds(self._cpu_seconds)}",
            *([] if peak is None else [f"peak memory {size(int(peak))}"]),
        )
        line = Line(icon="done", state="the cells so far", figures=figures)
        return {"text/html": course.in_words(timeline, line).html(), "text/plain": str(line)}
