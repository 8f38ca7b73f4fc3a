"""Runs in one picture, over the same axes: `compare`."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import TYPE_CHECKING

from sandbox_magic.model import summary
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.even import drawn
from sandbox_magic.model.result import Result
from sandbox_magic.model.units import limit_size, seconds, size
from sandbox_magic.picture.axes import cpu_axis, memory_axis, time_axis
from sandbox_magic.picture.card import STYLE, table
from sandbox_magic.picture.drawing import Drawing, save
from sandbox_magic.picture.panel import Curve, Panel, plot, time_ticks
from sandbox_magic.picture.placing import leave_out
from sandbox_magic.picture.png import png
from sandbox_magic.picture.theme import RUNS

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from sandbox_magic.model.outcome import Icon
    from sandbox_magic.model.timeline import Timeline
    from sandbox_magic.picture.axes import Axis
    from sandbox_magic.picture.theme import Theme

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_ROW_HEIGHT = 18  # of the legend
_CPU_TOP, _CPU_HEIGHT = 32, 62  # below the legend
_MEMORY_TOP, _MEMORY_HEIGHT = 116, 76  # likewise
_BELOW = 28  # pixels, of the axis of time
_LABEL_CHARACTERS = 40
_WORD_CHARACTERS = 11  # as many as the gutter behind the curves has room for
_SAME = 1.05  # times, up to which two runs are as fast as each other


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Comparison:
    """Runs side by side: a notebook shows the picture and a table.

    Attributes:
        results: The runs.
        labels: What they are called.
    """

    results: tuple[Result, ...]
    labels: tuple[str, ...]

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """What is compared, and its value in each run; behind each but the first, what that is to the first's."""
        used = [result.usage for result in self.results]
        return [
            ("outcome", *(f"{_SIGNS[summary.ended(result).icon]} {result.ending}" for result in self.results)),
            ("real time", *_cells([usage.wall_seconds for usage in used], seconds, _speed)),
            ("CPU time", *_cells([usage.cpu_seconds for usage in used], seconds, _times)),
            ("peak memory", *_cells([usage.peak_memory_bytes for usage in used], size, _times)),
        ]

    def plot(self) -> Drawing:
        """Draw all of them over the same axes."""
        courses = [drawn(result.timeline) for result in self.results]
        across = time_axis(max(map(_end, self.results, courses)))
        top = _ROW_HEIGHT * len(self.results)
        panels = (self._cpu(top, across, courses), self._memory(top, across, courses))
        bottom = _MEMORY_TOP + _MEMORY_HEIGHT - _CPU_TOP
        time = plot(top + _CPU_TOP, bottom, time_ticks(across, bottom + 15))
        body = (*self._legend(), *(panel.draw() for panel in panels), time)
        height = top + _MEMORY_TOP + _MEMORY_HEIGHT + _BELOW
        rows = tuple(
            (f"{_name(index)}-word", f"{label} · {result.ending}, {seconds(result.usage.wall_seconds)}")
            for index, (label, result) in enumerate(zip(self.labels, self.results, strict=True))
        )
        paint = partial(png, height=height, rows=rows, panels=panels)
        return Drawing(described=self._described(), height=height, body="".join(body), paint=paint)

    def html(self, *, theme: Theme = "auto") -> str:
        """Return the picture and the table as HTML that needs nothing else."""
        figures = table(self.rows, ("", *self.labels))
        return f'{STYLE}<div class="sandbox-result">{self.plot().html(theme=theme)}{figures}</div>'

    def save(self, path: str | os.PathLike[str], *, theme: Theme = "auto") -> None:
        """Write it to a file: as ``.html`` with the table, as ``.svg`` or ``.png`` the picture alone.

        Raises:
            SandboxError: The name ends otherwise, or there is no matplotlib for a PNG.
            OSError: The file can't be written.
        """
        save(path, self.plot(), html=self.html(theme=theme), title=" and ".join(self.labels), theme=theme)

    def _repr_mimebundle_(self, **_wanted: object) -> dict[str, str]:
        """Return what a notebook shows."""
        return {"text/html": self.html(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        """Return the table as text."""
        rows = [("", *self.labels), *self.rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows)
        return "\n".join(line.rstrip() for line in lines)

    def _described(self) -> str:
        ended = [f"{label}: {summary.ended(run)}." for label, run in zip(self.labels, self.results, strict=True)]
        walls = [result.usage.wall_seconds for result in self.results]
        speeds = [
            f"{label} is {speed} as {self.labels[0]}."
            for label, wall in zip(self.labels[1:], walls[1:], strict=True)
            if (speed := _speed(walls[0], wall))
        ]
        number = _NUMBERS.get(len(ended), str(len(ended)))
        return " ".join((f"{number} sandbox runs compared.", *ended, *speeds))

    def _legend(self) -> list[str]:
        """Name each line and say how its run ended, a row for each."""
        rows = []
        for index, (label, result) in enumerate(zip(self.labels, self.results, strict=True)):
            y, name, dashed = 22 + _ROW_HEIGHT * index, _name(index), f" {_dashes(index)}"
            ended, took = result.ending, f", {seconds(result.usage.wall_seconds)}"
            ends = [50 + 8 * len(label) + 6.4 * (3 + len(text)) for text in (ended, ended + took)]  # in wide letters
            rules = leave_out(f"of{index}-", dict(enumerate(ends)))
            about = (
                f'<tspan class="of{index}-0">\u2002·\u2002{escape(ended)}</tspan>'
                f'<tspan class="of{index}-1">{took}</tspan>'
            )
            rows.append(
                f'<path class="curve {name}{dashed}" d="M14,{y - 4}h28"/><text class="words" x="50" y="{y}">'
                f'<tspan class="state">{escape(label)}</tspan>{about}</text><style>{rules}</style>'
            )
        return rows

    def _curves(self, courses: Sequence[Timeline], field: str) -> tuple[Curve, ...]:
        return tuple(
            Curve(
                name=_name(index),
                points=[(sample.seconds, getattr(sample, field)) for sample in course.samples],
                word=summary.printable(label, _WORD_CHARACTERS),
                dashes=_dashes(index),
                filled=index == 0,
            )
            for index, (label, course) in enumerate(zip(self.labels, courses, strict=True))
        )

    def _cpu(self, top: int, across: Axis, courses: Sequence[Timeline]) -> Panel:
        up = cpu_axis(_peak(courses, "cpu_percent"))
        curves = self._curves(courses, "cpu_percent")
        return Panel(top=top + _CPU_TOP, height=_CPU_HEIGHT, across=across, up=up, curves=curves, caption="CPU")

    def _memory(self, top: int, across: Axis, courses: Sequence[Timeline]) -> Panel:
        """Draw the memory, and the limit if it is the same for all; else it is in the words of each."""
        limits = {result.limits.memory_bytes for result in self.results}
        limit = limits.pop() if len(limits) == 1 else None
        up = memory_axis(_peak(courses, "memory_bytes"), limit)
        above = "" if limit is None else f", limit {limit_size(limit)}{'' if up.limit else ' ↑'}"
        return Panel(
            top=top + _MEMORY_TOP, height=_MEMORY_HEIGHT, across=across, up=up,
            curves=self._curves(courses, "memory_bytes"), caption=f"memory{above}",
        )  # fmt: skip


_SIGNS: dict[Icon, str] = {"running": "●", "done": "✓", "failed": "✗", "time": "◷", "stopped": "■"}
_NUMBERS = {2: "Two", 3: "Three", 4: "Four", 5: "Five", 6: "Six"}
_DASHES = ("", "dashed", "dotted")


def compare(*results: Result, labels: Sequence[str] | None = None) -> Comparison:
    """Lay runs over each other: one picture with the same axes, and a small table.

    Args:
        *results: Two or more. The others are measured by the first one.
        labels: What to call them; without, the names that the caller's variables have.

    Raises:
        PolicyError: There are fewer than two, one of them is no result, or there are not as many labels.
    """
    if len(results) < 2 or not all(isinstance(result, Result) for result in results):  # noqa: PLR2004 - or none to compare with
        kinds = ", ".join(type(result).__name__ for result in results)
        raise PolicyError("compare takes two results or more", seen=kinds, remedy="compare(bubble, quick)")
    given = _names(results, inspect.currentframe()) if labels is None else tuple(labels)
    if isinstance(labels, str) or len(given) != len(results):
        raise PolicyError(f"labels is {labels!r}", remedy=f'{len(results)} texts, such as labels=("bubble", "quick")')
    return Comparison(
        results=results, labels=tuple(summary.printable(str(label), _LABEL_CHARACTERS) for label in given)
    )


def _names(results: Sequence[Result], frame: FrameType | None) -> list[str]:
    """Return the name of the caller's variable for each result, else its place in the row."""
    caller = frame.f_back if frame else None
    spaces = (caller.f_locals, caller.f_globals) if caller else ()
    names: list[str] = []
    for place, result in enumerate(results):
        found = (
            name
            for space in spaces
            for name, value in list(space.items())
            if value is result and name.isidentifier() and name[0] != "_" and name not in names
        )
        names.append(next(found, _ORDINALS[place] if place < len(_ORDINALS) else f"run {place + 1}"))
    return names


def _name(index: int) -> str:
    """Return the prefix of a curve's classes: there are six colours."""
    return f"run{index % len(RUNS)}"


def _dashes(index: int) -> str:
    """Return the class of a curve's dashes, another one when the colours begin again."""
    return _DASHES[(index + index // len(RUNS)) % len(_DASHES)]


def _peak(courses: Sequence[Timeline], field: str) -> float | None:
    return max((peak for course in courses if (peak := course.peak(field)) is not None), default=None)


def _end(result: Result, course: Timeline) -> float:
    return max(result.usage.wall_seconds, course.samples[-1].seconds if course.samples else 0.0)


def _cells(
    values: Sequence[float | None], write: Callable[[float], str], against: Callable[[float, float], str]
) -> Iterator[str]:
    """Write values, each but the first with what it is to the first."""
    first = values[0]
    for place, value in enumerate(values):
        words = against(first, value) if place and first and value is not None else ""
        yield ("unknown" if value is None else write(value)) + (f" ({words})" if words else "")


def _speed(first: float, other: float) -> str:
    """Say how fast a run is whose real time this is, by the first's."""
    if min(first, other) <= 0:
        return ""
    if max(first, other) <= _SAME * min(first, other):
        return "as fast"
    return f"{_digits(first / other)} times as fast" if other < first else f"{_digits(other / first)} times as slow"


def _times(first: float, other: float) -> str:
    return f"{_digits(other / first)} \u00d7"


def _digits(ratio: float) -> str:
    return f"{ratio:.2g}" if ratio < 99 else f"{ratio:,.0f}"  # noqa: PLR2004 - where two digits are not the whole number
