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
    from sandbox_magic.model.timeline import Sample


class Course:
    """The course of a session: the time between its cells is left out."""

    def __init__(self) -> None:
        self._recorder = Recorder()
        self._cells = 0
        self._seconds = self._cpu_seconds = 0.0
        self._limit_bytes: int | None = None
        self._running = Recorder()  # of the cell that runs
        self._mark = Mark("", 0.0, own=True)  # at its beginning

    def begin(self, number: int) -> None:
        """Begin with the next cell.

        Args:
            number: Its execution count.
        """
        self._running = Recorder()
        self._mark = Mark(f"In [{number}]", self._seconds, own=True)

    def sample(self, sample: Sample) -> None:
        """Take a sample of the cell that runs."""
        self._running.add(self._moved(sample))

    def add(self, result: Result) -> None:
        """Take the result of the cell that ran, in the place of its samples so far."""
        self._cells += 1
        self._recorder.mark(self._mark)
        for sample in result.timeline.samples:
            self._recorder.add(self._moved(sample))
        self._running = Recorder()
        self._seconds += result.usage.wall_seconds
        self._cpu_seconds += result.usage.cpu_seconds or 0.0
        self._limit_bytes = result.limits.memory_bytes

    def _moved(self, sample: Sample) -> Sample:
        """Return a sample of a cell behind those of the cells before it."""
        moved = replace(sample, seconds=self._seconds + sample.seconds)
        return replace(moved, cpu_seconds=self._cpu_seconds + (sample.cpu_seconds or 0.0))

    def bundle(self) -> dict[str, str]:
        """Return the picture, with its line in words."""
        timeline = replace(self._recorder.timeline(), memory_limit_bytes=self._limit_bytes)
        running = self._running.timeline().samples
        if running:
            marks = (*timeline.marks, self._mark)
            timeline = replace(timeline, samples=(*timeline.samples, *running), marks=marks)
        peak = timeline.peak("memory_bytes")
        wall, cpu = (running[-1].seconds, running[-1].cpu_seconds) if running else (self._seconds, self._cpu_seconds)
        cells = self._cells + bool(running)
        figures = (
            f"{cells} cells" if cells != 1 else "1 cell",
            f"ran for {seconds(wall)}",
            f"CPU time {seconds(cpu or 0.0)}",
            *([] if peak is None else [f"peak memory {size(int(peak))}"]),
        )
        line = Line(icon="done", state="the cells so far", figures=figures)
        return {"text/html": course.in_words(timeline, line).html(), "text/plain": str(line)}
