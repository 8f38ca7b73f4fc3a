"""One panel of a picture: curves over their axes, each with its word at its end.

Text is placed in percent of the plot, curves in an inner drawing that is stretched without its
strokes: so a picture follows the width it is given and its text keeps its size.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from sandbox_magic.picture.theme import LEFT, RIGHT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sandbox_magic.picture.axes import Axis

Point = tuple[float, float | None]

_STRETCH = 1000  # the curves' own unit of width
_LINE_HEIGHT = 12
_AT_END = 0.9  # of the width: the word of a curve that ends later stands behind all that marks the end


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One curve.

    Attributes:
        name: ``cpu``, ``memory`` or ``run0``, ``run1``, ...; the prefix of its classes.
        points: Time and value; None where the value is not known.
        word: What is written behind it.
        below: What is written in small letters below that.
        at_peak: Whether the word and a dot are at the height of its largest value; else of its last.
        dashes: The class of its dashes; none for a solid line.
        filled: Whether what is below it is filled.
    """

    name: str
    points: Sequence[Point]
    word: str
    below: str = ""
    at_peak: bool = False
    dashes: str = ""
    filled: bool = True

    @property
    def told(self) -> tuple[float, float] | None:
        """The point of which the word tells: the last known one, or the highest."""
        known = [(x, y) for x, y in reversed(self.points) if y is not None]
        return max(known, key=lambda point: point[1], default=None) if self.at_peak else next(iter(known), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The upper part of a curve's value, told apart from the rest of it.

    Attributes:
        points: Time, the value of the rest, the whole value.
        word: What the part is, and how much.
        lasts: Whether that is so at the curve's end; else it is the most there was.
    """

    points: Sequence[tuple[float, float | None, float | None]]
    word: str
    lasts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Curves with their axes.

    Attributes:
        top: Its upper edge, in pixels.
        height: In pixels.
        across: The axis of time.
        up: The axis of the values.
        curves: The curves, the last one on top.
        caption: Written above the limit's line, or above the panel.
        share: A part of the only curve's value.
        pauses: When the run was paused, from and to.
    """

    top: int
    height: int
    across: Axis
    up: Axis
    curves: tuple[Curve, ...]
    caption: str = ""
    share: Share | None = None
    pauses: Sequence[tuple[float, float]] = ()

    def draw(self) -> str:
        """Draw it, in an element of its own."""
        stretched = "".join((*self._pauses(), *self._areas(), *self._shared(), *self._lines()))
        curves = (
            f'<svg viewBox="0 0 {_STRETCH} {self.height}" preserveAspectRatio="none" '
            f'width="100%" height="100%">{stretched}</svg>'
        )
        parts = (*self._grid(), curves, *self._limit(), *self._ends(), *self._shared_word())
        return plot(self.top, self.height, "".join(parts))

    def _y(self, value: float) -> float:
        """Return a value's distance from the upper edge, in pixels."""
        return self.height * (1 - value / self.up.end)

    def _path(self, points: Iterable[tuple[float, float]]) -> str:
        return "L".join(f"{_STRETCH * x / self.across.end:.1f},{self._y(y):.1f}" for x, y in points)

    def _grid(self) -> Iterator[str]:
        for value, label in self.up.ticks:
            y = self._y(value)
            yield line("grid", 0, y, 100, y)
            yield f'<text x="-7" y="{y + 3.5:.1f}" text-anchor="end">{escape(label)}</text>'

    def _pauses(self) -> Iterator[str]:
        for start, end in self.pauses:
            left, right = (_STRETCH * place / self.across.end for place in (start, end))
            yield f'<path class="pause" d="M{left:.1f},0H{right:.1f}V{self.height}H{left:.1f}Z"/>'

    def _areas(self) -> Iterator[str]:
        for curve in self.curves:
            for piece in _pieces(curve.points) if curve.filled else ():
                feet = self._path([(piece[0][0], 0), *piece, (piece[-1][0], 0)])
                yield f'<path class="area {curve.name}-fill" d="M{feet}Z"/>'

    def _lines(self) -> Iterator[str]:
        for curve in self.curves:
            for piece in _pieces(curve.points):
                yield f'<path class="curve {curve.name} {curve.dashes}" d="M{self._path(piece)}"/>'

    def _shared(self) -> Iterator[str]:
        if self.share is None:
            return
        name = self.curves[0].name
        rest = [(x, None if whole is None else below) for x, below, whole in self.share.points]
        wholes = {x: whole for x, _, whole in self.share.points if whole is not None}
        for piece in _pieces(rest):
            back = self._path((x, wholes[x]) for x, _ in reversed(piece))
            yield f'<path class="share {name}-fill" d="M{self._path(piece)}L{back}Z"/>'
            yield f'<path class="curve part {name}" d="M{self._path(piece)}"/>'

    def _shared_word(self) -> Iterator[str]:
        """Write what the part is: below the curve's word if it lasts to there, else where it is greatest."""
        if self.share is None:
            return
        known = [(x, y, whole) for x, y, whole in self.share.points if y is not None and whole is not None]
        if self.share.lasts:
            _, _, whole = known[-1]
            below = self._baseline(whole) + 2 * _LINE_HEIGHT
            baseline = min(below, self.height + _LINE_HEIGHT + 2)
            yield self._word(self.curves[0].name, self.across.end, baseline, self.share.word, "aside")
            return
        x, y, whole = max(known, key=lambda point: point[2] - point[1])
        anchor = "start" if x < self.across.end / 3 else "end" if x > self.across.end * 2 / 3 else "middle"
        yield (
            f'<text class="halo" x="{100 * x / self.across.end:.2f}%" y="{self._y((y + whole) / 2) + 3.5:.1f}" '
            f'text-anchor="{anchor}">{escape(self.share.word)}</text>'
        )

    def _ends(self) -> Iterator[str]:
        ends = [(curve, curve.told) for curve in self.curves]
        baselines = self._apart([self.height if told is None else self._baseline(told[1]) for _, told in ends])
        for (curve, told), baseline in zip(ends, baselines, strict=True):
            if told is not None:
                place, y = 100 * told[0] / self.across.end, self._y(told[1])
                if curve.at_peak:
                    yield line("lead", place, y, 100, y)
                yield f'<circle class="{curve.name}-fill" cx="{place:.2f}%" cy="{y:.1f}" r="3"/>'
            at = self.across.end if told is None or curve.at_peak else self._beyond(told[0])
            above = min(baseline, self.height - _LINE_HEIGHT + 2) if curve.below else baseline
            yield self._word(curve.name, at, above, curve.word)
            if curve.below:
                yield self._word(curve.name, at, above + _LINE_HEIGHT, curve.below, "aside")

    def _beyond(self, x: float) -> float:
        """Return where the word of a curve that ends there begins."""
        return self.across.end if x > _AT_END * self.across.end else x

    def _apart(self, baselines: Sequence[float]) -> list[float]:
        """Move words apart that would meet, the lower ones down, or the upper ones up at the bottom."""
        moved, order = list(baselines), sorted(range(len(baselines)), key=baselines.__getitem__)
        for upper, lower in pairwise(order):
            moved[lower] = max(moved[lower], moved[upper] + _LINE_HEIGHT)
        most = self.height + 3.0
        for index in reversed(order) if len(order) > 1 else ():
            moved[index] = min(moved[index], most)
            most = moved[index] - _LINE_HEIGHT
        return moved

    def _baseline(self, value: float) -> float:
        return min(max(self._y(value) + 4, 9), self.height)

    def _word(self, name: str, x: float, baseline: float, word: str, kind: str = "word") -> str:
        place = f'x="{100 * x / self.across.end:.2f}%" dx="8" y="{baseline:.1f}"'
        return f'<text class="{kind} halo {name}-word" {place}>{escape(word)}</text>'

    def _limit(self) -> Iterator[str]:
        y = 0.0
        if self.up.limit is not None:
            y = self._y(self.up.limit)
            yield line("limit", 0, y, 100, y)
        if self.caption:
            yield f'<text class="halo" x="4" y="{y - 4:.1f}">{escape(self.caption)}</text>'


def time_ticks(across: Axis, y: float) -> str:
    """Write the axis of time, to be put into a `plot`."""
    return "".join(
        f'<text x="{100 * value / across.end:.2f}%" y="{y}" text-anchor="middle">{escape(label)}</text>'
        for value, label in across.ticks
    )


def plot(top: int, height: int, body: str) -> str:
    """Return a drawing between the gutters, as wide as they leave.

    That width is a calculation, which Firefox takes for a foreign object but not for an inner `svg`.
    """
    inner = f'<svg xmlns="http://www.w3.org/2000/svg" width="100%" height="{height}">{body}</svg>'
    return f'<foreignObject class="plot" x="{LEFT}" y="{top}" width="80%" height="{height}">{inner}</foreignObject>'


def at_width(svg: str, width: int) -> str:
    """Return a drawing at a fixed width: programs other than browsers know neither foreign objects nor calculations."""
    inner = f'<svg x="{LEFT}" y="\\1" width="{width - LEFT - RIGHT}" height="\\2" overflow="visible">'
    svg = re.sub(r'<foreignObject class="plot" x="\d+" y="(\d+)" width="80%" height="(\d+)"><svg [^>]*>', inner, svg)
    svg = svg.replace("</svg></foreignObject>", "</svg>")
    svg = svg.replace('class="card" x=".5" y=".5" width="100%"', f'class="card" x=".5" y=".5" width="{width - 1}"')
    return svg.replace('width="100%"', f'width="{width}"', 1)


def line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    """Draw a straight line; x in percent, y in pixels."""
    return f'<line class="{kind}" x1="{x1:.2f}%" y1="{y1:.1f}" x2="{x2:.2f}%" y2="{y2:.1f}"/>'


def _pieces(points: Sequence[Point]) -> Iterator[list[tuple[float, float]]]:
    """Yield the stretches of known values; one alone is no line."""
    piece: list[tuple[float, float]] = []
    for x, y in (*points, (0.0, None)):
        if y is not None:
            piece.append((x, y))
            continue
        if len(piece) > 1:
            yield piece
        piece = []
