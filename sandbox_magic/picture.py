"""The static picture of a run: an SVG of our own that needs no kernel, no script and no network.

It follows the width it is given: texts keep their size, only the curves stretch. Text stands in
percent of the plot, curves in an inner drawing that is stretched without its strokes.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from html import escape
from itertools import accumulate
from typing import TYPE_CHECKING

from sandbox_magic import words
from sandbox_magic.axes import cpu_axis, memory_axis, time_axis
from sandbox_magic.ink import LEFT, PAGE_STYLE, stylesheet
from sandbox_magic.result import size

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sandbox_magic.axes import Axis
    from sandbox_magic.ink import Theme
    from sandbox_magic.policy import Limits
    from sandbox_magic.result import Result

Point = tuple[float, float | None]

HEIGHT, SHORT_HEIGHT = 184, 36
SHORT_SECONDS = 0.1  # the words tell all of a run that was over before it had a course
CPU_TOP, CPU_HEIGHT = 48, 40
MEMORY_TOP, MEMORY_HEIGHT = 106, 50
_STRETCH = 1000  # the curves' own unit of width
_CHARACTER, _STATE_CHARACTER = 6.4, 8.0  # a wide sans-serif, at 12 px and bold at 13 px

_DOT = "\u2002·\u2002"  # with spaces that are not collapsed
_MARKS: dict[words.Mark, str] = {
    "running": '<circle cx="20" cy="{y}" r="4" class="good"/>',
    "done": '<path d="M15,{y}l3.5,4l7,-8" class="good"/>',
    "failed": '<path d="M15.5,{y}m0,-4.5l9,9m0,-9l-9,9" class="bad"/>',
    "time": '<circle cx="20" cy="{y}" r="5.5" class="bad"/><path d="M20,{y}m0,-3v3h2.2" class="bad thin"/>',
    "stopped": '<rect x="15.5" y="{y}" width="9" height="9" transform="translate(0,-4.5)" class="bad"/>',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Panel:
    """One curve with its axes.

    Attributes:
        name: ``cpu`` or ``memory``; the prefix of its classes.
        top: Its upper edge, in pixels.
        height: In pixels.
        points: Time and value; None where the value is not known.
        across: The axis of time.
        up: The axis of the values.
        word: The latest value, written at the curve's end.
        limit: The limit in words; empty if there is none.
    """

    name: str
    top: int
    height: int
    points: Sequence[Point]
    across: Axis
    up: Axis
    word: str
    limit: str = ""

    def y(self, value: float) -> float:
        """Give a value's distance from the upper edge, in pixels."""
        return self.height * (1 - value / self.up.end)

    def draw(self) -> str:
        """Draw it, in an element of its own."""
        parts = (*self._grid(), *self._curve(), *self._end(), *self._limit())
        return _plot(self.top, self.height, "".join(parts))

    def _grid(self) -> Iterable[str]:
        for value, label in self.up.ticks:
            y = self.y(value)
            yield _line("grid", 0, y, 100, y)
            yield f'<text x="-7" y="{y + 3.5:.1f}" text-anchor="end">{escape(label)}</text>'

    def _curve(self) -> Iterable[str]:
        yield f'<svg viewBox="0 0 {_STRETCH} {self.height}" preserveAspectRatio="none" width="100%" height="100%">'
        for piece in _pieces(self.points):
            places = [(_STRETCH * x / self.across.end, self.y(y)) for x, y in piece]
            path = "L".join(f"{x:.1f},{y:.1f}" for x, y in places)
            closed = f"M{places[0][0]:.1f},{self.height}L{path}L{places[-1][0]:.1f},{self.height}Z"
            yield f'<path class="area {self.name}-fill" d="{closed}"/><path class="curve {self.name}" d="M{path}"/>'
        yield "</svg>"

    def _end(self) -> Iterable[str]:
        known = [(x, y) for x, y in self.points if y is not None]
        if not known:
            yield f'<text class="word {self.name}-word" x="100%" dx="8" y="{self.height}">{escape(self.word)}</text>'
            return
        x, y = f"{100 * known[-1][0] / self.across.end:.2f}%", self.y(known[-1][1])
        baseline = min(max(y + 4, 9), self.height)
        yield f'<circle class="{self.name}-fill" cx="{x}" cy="{y:.1f}" r="3"/>'
        yield f'<text class="word {self.name}-word" x="{x}" dx="8" y="{baseline:.1f}">{escape(self.word)}</text>'

    def _limit(self) -> Iterable[str]:
        if not self.limit:
            return
        if self.up.limit is None:
            yield f'<text class="halo" x="4" y="-4">{escape(self.limit)} ↑</text>'
            return
        y = self.y(self.up.limit)
        yield _line("limit", 0, y, 100, y)
        yield f'<text class="halo" x="4" y="{y - 4:.1f}">{escape(self.limit)}</text>'


def svg(result: Result, limits: Limits, *, theme: Theme = "auto") -> str:
    """Draw how a run went.

    Args:
        result: The run.
        limits: Its bounds.
        theme: ``light``, ``dark``, or ``auto``: as the page around it prefers.

    Returns:
        A whole SVG document: 184 px high, or 36 px and words only if the run was too short for curves.
    """
    drawn = _has_course(result)
    height = HEIGHT if drawn else SHORT_HEIGHT
    body = [_words(words.ended(result, limits), two_lines=drawn)]
    if drawn:
        body += _panels(result, limits)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="100%" height="{height}" role="img">'
        f"<title>{escape(words.described(result, limits))}</title><style>{stylesheet(theme)}</style>"
        f'<rect class="card" x=".5" y=".5" width="100%" height="{height - 1}" rx="6"/>{"".join(body)}</svg>'
    )


def html(result: Result, limits: Limits, *, theme: Theme = "auto") -> str:
    """Give the picture as one ``<img>`` with everything inside it, which untrusted notebooks show too.

    A style after it tells the picture which theme the page has, where the page knows; a front end
    that drops the style shows the picture on its own card, as the browser prefers.
    """
    height = HEIGHT if _has_course(result) else SHORT_HEIGHT
    data = base64.b64encode(svg(result, limits, theme=theme).encode()).decode()
    image = (
        f'<img class="sandbox-picture" alt="{escape(words.described(result, limits))}" width="100%" height="{height}" '
        f'src="data:image/svg+xml;base64,{data}">'
    )
    return image + PAGE_STYLE if theme == "auto" else image


def _has_course(result: Result) -> bool:
    return len(result.timeline.samples) > 1 and result.usage.wall_seconds >= SHORT_SECONDS


def _words(line: words.Line, *, two_lines: bool) -> str:
    """Write the line of words, or two where the width is too small for one.

    A figure that still has no room is left out, as a whole; the alternative text has them all.
    """
    state = 44 + len(line.state) * _STATE_CHARACTER
    figures = [20 + len(figure) * _CHARACTER for figure in line.figures]
    if not two_lines:
        return _row(line, 23, "one") + _style(_left_out("one", state, figures))
    parts = [
        _row(line, 24, "one"),
        _row(replace(line, figures=()), 18, "two"),
        _row(replace(line, state=""), 36, "two"),
    ]
    swap = f"@media(max-width:{state + sum(figures):.0f}px){{.one{{display:none}}.two{{display:inline}}}}"
    return "".join(parts) + _style(".two{display:none}", swap, _left_out("two", 10, figures))


def _row(line: words.Line, base: int, name: str) -> str:
    """Write one row: mark and state if there is one, then the figures."""
    state = f'<tspan class="state">{escape(line.state)}</tspan>' if line.state else ""
    mark = f'<g class="mark {name}">{_MARKS[line.mark].format(y=base - 4)}</g>' if state else ""
    figures = [
        f'<tspan class="{name}{i}">{_DOT if i or state else ""}{escape(figure)}</tspan>'
        for i, figure in enumerate(line.figures)
    ]
    return f'{mark}<text class="words {name}" x="{34 if state else 14}" y="{base}">{state}{"".join(figures)}</text>'


def _left_out(name: str, start: float, figures: Sequence[float]) -> str:
    """Give the rules that leave figures out where they have no room; the first and the last go last."""
    keep = sorted(range(len(figures)), key=lambda index: (index not in (0, len(figures) - 1), index))
    rooms = zip(keep, accumulate((figures[index] for index in keep), initial=start), strict=False)
    return "".join(
        f"@media(max-width:{room + figures[index]:.0f}px){{.{name}{index}{{display:none}}}}" for index, room in rooms
    )


def _style(*rules: str) -> str:
    return f"<style>{''.join(rules)}</style>"


def _panels(result: Result, limits: Limits) -> list[str]:
    samples = result.timeline.samples
    last = samples[-1]
    across = time_axis(max(result.usage.wall_seconds, last.seconds))
    cpu = _Panel(
        name="cpu",
        top=CPU_TOP,
        height=CPU_HEIGHT,
        points=[(sample.seconds, sample.cpu_percent) for sample in samples],
        across=across,
        up=cpu_axis(result.timeline.peak("cpu_percent")),
        word="CPU unknown" if last.cpu_percent is None else f"{last.cpu_percent:.0f} % CPU",
    )
    memory = _Panel(
        name="memory",
        top=MEMORY_TOP,
        height=MEMORY_HEIGHT,
        points=[(sample.seconds, sample.memory_bytes) for sample in samples],
        across=across,
        up=memory_axis(result.timeline.peak("memory_bytes"), limits.memory_bytes),
        word="memory unknown" if last.memory_bytes is None else size(last.memory_bytes),
        limit=f"limit {words.limit_size(limits.memory_bytes)}",
    )
    return [cpu.draw(), memory.draw(), _time(across, words.cause(result), result.usage.wall_seconds)]


def _time(across: Axis, cause: str, end: float) -> str:
    """Draw the axis of time below the panels, and across them what cut the run short."""
    bottom = MEMORY_TOP + MEMORY_HEIGHT - CPU_TOP
    parts = [
        f'<text x="{100 * value / across.end:.2f}%" y="{bottom + 15}" text-anchor="middle">{escape(label)}</text>'
        for value, label in across.ticks
    ]
    if cause:
        x, place = 100 * end / across.end, f'dx="-6" y="{CPU_HEIGHT + 13}" text-anchor="end"'
        parts.append(_line("bad", x, -4, x, bottom + 2))
        parts.append(f'<text class="halo cause" x="{x:.2f}%" {place}>{escape(cause)}</text>')
    return _plot(CPU_TOP, bottom, "".join(parts))


def _plot(top: int, height: int, body: str) -> str:
    """Give a drawing between the gutters, as wide as they leave.

    That width is a calculation, which Firefox takes for a foreign object but not for an inner `svg`.
    """
    inner = f'<svg xmlns="http://www.w3.org/2000/svg" width="100%" height="{height}">{body}</svg>'
    return f'<foreignObject class="plot" x="{LEFT}" y="{top}" width="80%" height="{height}">{inner}</foreignObject>'


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.2f}%" y1="{y1:.1f}" x2="{x2:.2f}%" y2="{y2:.1f}"/>'


def _pieces(points: Sequence[Point]) -> Iterable[list[tuple[float, float]]]:
    """Give the stretches of known values; one alone is no line."""
    piece: list[tuple[float, float]] = []
    for x, y in points:
        if y is not None:
            piece.append((x, y))
            continue
        if len(piece) > 1:
            yield piece
        piece = []
    if len(piece) > 1:
        yield piece
