"""Two runs in one picture, over the same axes: `compare`."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from sandbox_magic.model import summary
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.units import limit_size, seconds, size
from sandbox_magic.picture.axes import cpu_axis, memory_axis, time_axis
from sandbox_magic.picture.card import STYLE, table
from sandbox_magic.picture.drawing import SAVED_WIDTH, Drawing, save
from sandbox_magic.picture.panel import Curve, Panel, plot, time_ticks
from sandbox_magic.picture.placing import leave_out

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from sandbox_magic.model.outcome import Icon
    from sandbox_magic.model.result import Result
    from sandbox_magic.picture.axes import Axis
    from sandbox_magic.picture.theme import Theme

_NAMES = ("first", "second")
_HEIGHT = 256
_CPU_TOP, _CPU_HEIGHT = 68, 62
_MEMORY_TOP, _MEMORY_HEIGHT = 152, 76
_LABEL_CHARACTERS = 40
_WORD_CHARACTERS = 11  # as many as the gutter behind the curves has room for


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Comparison:
    """Two runs side by side: a notebook shows the picture and a table.

    Attributes:
        results: The two.
        labels: What they are called.
    """

    results: tuple[Result, Result]
    labels: tuple[str, str]

    @property
    def rows(self) -> list[tuple[str, str, str, str]]:
        """What is compared, its value in each run, and how many times the first the second is."""
        first, second = (result.usage for result in self.results)
        ended, other = (f"{_SIGNS[summary.ended(result).icon]} {result.ending}" for result in self.results)
        return [
            ("outcome", ended, other, ""),
            _row("real time", first.wall_seconds, second.wall_seconds, seconds),
            _row("CPU time", first.cpu_seconds, second.cpu_seconds, seconds),
            _row("most memory", first.peak_memory_bytes, second.peak_memory_bytes, size),
        ]

    def plot(self) -> Drawing:
        """Draw both over the same axes."""
        across = time_axis(max(_end(result) for result in self.results))
        body = (*self._legend(), self._cpu(across).draw(), self._memory(across).draw(), _time(across))
        return Drawing(described=self._described(), height=_HEIGHT, body="".join(body))

    def html(self, *, theme: Theme = "auto") -> str:
        """Return the picture and the table as HTML that needs nothing else."""
        ratio = f"{self.labels[1]} / {self.labels[0]}"
        figures = table(self.rows, ("", *self.labels, ratio))
        return f'{STYLE}<div class="sandbox-result">{self.plot().html(theme=theme)}{figures}</div>'

    def save(self, path: str | os.PathLike[str], *, theme: Theme = "auto") -> None:
        """Write it to a file: the picture alone if the name ends in ``.svg``, with the table if in ``.html``.

        Raises:
            SandboxError: The name ends otherwise.
            OSError: The file can't be written.
        """
        title = " and ".join(self.labels)
        svg = self.plot().svg(theme=theme, width=SAVED_WIDTH)
        save(path, svg=svg, html=self.html(theme=theme), title=title, theme=theme)

    def _repr_mimebundle_(self, **_wanted: object) -> dict[str, str]:
        """Return what a notebook shows."""
        return {"text/html": self.html(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        """Return the table as text."""
        rows = [("", *self.labels, "ratio"), *self.rows]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = ("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows)
        return "\n".join(line.rstrip() for line in lines)

    def _described(self) -> str:
        ended = (f"{label}: {summary.ended(run)}." for label, run in zip(self.labels, self.results, strict=True))
        return f"Two sandbox runs compared. {' '.join(ended)}"

    def _legend(self) -> list[str]:
        """Name each line and say how its run ended, a row for each."""
        rows = []
        for index, (name, label, result) in enumerate(zip(_NAMES, self.labels, self.results, strict=True)):
            y, dashed = 22 + 18 * index, " dashed" if index else ""
            ended, took = result.ending, f", {seconds(result.usage.wall_seconds)}"
            ends = [50 + 8 * len(label) + 6.4 * (3 + len(text)) for text in (ended, ended + took)]  # in wide letters
            rules = leave_out(name, dict(enumerate(ends)))
            about = f'<tspan class="{name}0">\u2002·\u2002{escape(ended)}</tspan><tspan class="{name}1">{took}</tspan>'
            rows.append(
                f'<path class="curve {name}{dashed}" d="M14,{y - 4}h28"/><text class="words" x="50" y="{y}">'
                f'<tspan class="state">{escape(label)}</tspan>{about}</text><style>{rules}</style>'
            )
        return rows

    def _curves(self, field: str) -> tuple[Curve, Curve]:
        first, second = (
            Curve(
                name=name,
                points=[(sample.seconds, getattr(sample, field)) for sample in result.timeline.samples],
                word=summary.printable(label, _WORD_CHARACTERS),
                dashed=name == "second",
            )
            for name, label, result in zip(_NAMES, self.labels, self.results, strict=True)
        )
        return first, second

    def _cpu(self, across: Axis) -> Panel:
        up = cpu_axis(self._peak("cpu_percent"))
        curves = self._curves("cpu_percent")
        return Panel(top=_CPU_TOP, height=_CPU_HEIGHT, across=across, up=up, curves=curves, caption="CPU")

    def _memory(self, across: Axis) -> Panel:
        """Draw the memory, and the limit if it is the same for both; else it is in the words of each."""
        limits = {result.limits.memory_bytes for result in self.results}
        limit = limits.pop() if len(limits) == 1 else None
        up = memory_axis(self._peak("memory_bytes"), limit)
        above = "" if limit is None else f", limit {limit_size(limit)}{'' if up.limit else ' ↑'}"
        return Panel(
            top=_MEMORY_TOP, height=_MEMORY_HEIGHT, across=across, up=up,
            curves=self._curves("memory_bytes"), caption=f"memory{above}",
        )  # fmt: skip

    def _peak(self, field: str) -> float | None:
        peaks = (result.timeline.peak(field) for result in self.results)
        return max((peak for peak in peaks if peak is not None), default=None)


_SIGNS: dict[Icon, str] = {"running": "●", "done": "✓", "failed": "✗", "time": "◷", "stopped": "■"}


def compare(first: Result, second: Result, labels: Sequence[str] | None = None) -> Comparison:
    """Lay two runs over each other: one picture with the same axes, and a small table.

    Args:
        first: Drawn with a solid line.
        second: Drawn with a dashed line.
        labels: What to call them; ``first`` and ``second`` if nothing is given.

    Raises:
        PolicyError: There are not two labels.
    """
    given = _NAMES if labels is None else tuple(labels)
    if isinstance(labels, str) or len(given) != len(_NAMES):
        raise PolicyError(f"labels is {labels!r}", remedy='two texts, such as labels=("bubble sort", "quick sort")')
    one, other = (summary.printable(str(label), _LABEL_CHARACTERS) for label in given)
    return Comparison(results=(first, second), labels=(one, other))


def _end(result: Result) -> float:
    samples = result.timeline.samples
    return max(result.usage.wall_seconds, samples[-1].seconds if samples else 0.0)


def _row(
    name: str, first: float | None, second: float | None, write: Callable[[float], str]
) -> tuple[str, str, str, str]:
    ratio = f"{_digits(second / first)} \u00d7" if first and second is not None else ""
    return name, *("unknown" if value is None else write(value) for value in (first, second)), ratio  # type: ignore[return-value] # two


def _digits(ratio: float) -> str:
    return f"{ratio:.2g}" if ratio < 99 else f"{ratio:,.0f}"  # noqa: PLR2004 - where two digits are not the whole number


def _time(across: Axis) -> str:
    bottom = _MEMORY_TOP + _MEMORY_HEIGHT - _CPU_TOP
    return plot(_CPU_TOP, bottom, time_ticks(across, bottom + 15))
