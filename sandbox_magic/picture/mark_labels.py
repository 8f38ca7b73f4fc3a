"""The marks of a run on a picture: a thin line for each moment, a label where it has room."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from sandbox_magic.model import summary
from sandbox_magic.picture.panel import line
from sandbox_magic.picture.placing import placed
from sandbox_magic.picture.theme import LEFT, RIGHT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sandbox_magic.model.timeline import Mark

_TOGETHER = 0.004  # of the width: two or three pixels
_MOST_CHARACTERS = 28
_CHARACTER = 5.6  # pixels, of a wide sans-serif at 10.5 px
_BESIDE = 4  # pixels, between a line and its label
_MOST_LINES = 12  # more would hide the curves
_WIDTHS = (120, 180, 240, 300, 370, 450, 540, 640, 760, 900, 1060, 10000)  # of the plot: labels are chosen anew


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One line with its label.

    Attributes:
        place: From 0 at the left end of the axis to 1.
        label: What happened there; several marks at one place have one label.
        own: Whether the code itself set one of them.
    """

    place: float
    label: str
    own: bool = False

    @property
    def leftward(self) -> bool:
        """Whether the label is left of its line, because it is too long for the gutter on the right."""
        return self.place > 0.6 and self._width > RIGHT - 2 * _BESIDE  # noqa: PLR2004 - before, the plot has room

    @property
    def reach(self) -> tuple[float, float]:
        """Where the label begins and ends, in pixels from its line."""
        return (-_BESIDE - self._width, -_BESIDE) if self.leftward else (_BESIDE, _BESIDE + self._width)

    @property
    def _width(self) -> float:
        return len(self.label) * _CHARACTER


def flags(marks: Iterable[Mark], end: float) -> list[Flag]:
    """Return the flags of marks on an axis of so many seconds; those too close to be told apart become one."""
    groups: list[tuple[float, list[Mark]]] = []
    for mark in sorted(marks, key=lambda mark: mark.seconds):
        place = min(max(mark.seconds / end, 0.0), 1.0)
        if not groups or place - groups[-1][0] > _TOGETHER:
            groups.append((place, []))
        groups[-1][1].append(mark)
    return [Flag(place=place, label=_label(group), own=any(mark.own for mark in group)) for place, group in groups]


def draw(flags: Sequence[Flag], bottom: float) -> tuple[str, str]:
    """Draw flags over the panels, as lines through them or, where there are many, as ticks above.

    Args:
        flags: From left to right.
        bottom: Where the lines end, in pixels.

    Returns:
        What goes into a plot whose upper edge is the first panel's; and style rules, which show as
        many labels as the picture has room for.
    """
    end = bottom if len(flags) <= _MOST_LINES else -1
    parts = [line("moment", 100 * flag.place, -9, 100 * flag.place, end) for flag in flags]
    own_first = sorted(range(len(flags)), key=lambda index: not flags[index].own)
    shown = [
        (low, high, set(placed(flags, low, own_first, (-LEFT, low + RIGHT - _BESIDE))))
        for low, high in pairwise((0, *_WIDTHS))
    ]
    for index in sorted(set().union(*(places for _, _, places in shown))):
        flag = flags[index]
        beside = f'dx="{-_BESIDE}" text-anchor="end"' if flag.leftward else f'dx="{_BESIDE}"'
        label = escape(flag.label)
        parts.append(f'<text class="flag halo f{index}" x="{100 * flag.place:.2f}%" y="-3" {beside}>{label}</text>')
    return "".join(parts), "".join(_rules(shown))


def _rules(shown: Iterable[tuple[float, float, set[int]]]) -> Iterator[str]:
    for low, high, places in shown:
        if places:
            names = ",".join(f".f{index}" for index in sorted(places))
            yield (
                f"@media(min-width:{low + LEFT + RIGHT}px) and (max-width:{high + LEFT + RIGHT - 0.02}px)"
                f"{{{names}{{display:inline}}}}"
            )


def _label(marks: Sequence[Mark]) -> str:
    counted = Counter(summary.shown(mark) for mark in marks)
    texts = [text if number == 1 else f"{text} \u00d7{number}" for text, number in counted.items()]
    together = ", ".join(texts)
    if len(texts) == 1 or len(together) <= _MOST_CHARACTERS:
        return together
    return f"{texts[0]} +{len(texts) - 1}"
