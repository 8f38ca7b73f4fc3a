"""Which words of a picture have room: labels beside each other, and figures in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

BETWEEN = 8  # pixels, of two labels


class Label(Protocol):
    """A label at a place of an axis."""

    @property
    def place(self) -> float:
        """Its place, from 0 at the left end of the axis to 1."""

    @property
    def reach(self) -> tuple[float, float]:
        """Where it begins and ends, in pixels from its place."""


def placed(
    labels: Sequence[Label], width: float, order: Iterable[int], inside: tuple[float, float] | None = None
) -> list[int]:
    """Return the labels that have room on an axis of this width: each that meets none of those before it.

    Args:
        labels: The labels.
        width: Of the axis, in pixels.
        order: Their indexes, the most important first.
        inside: Where a label may begin and end, in pixels from the left end; anywhere without it.
    """
    kept: dict[int, tuple[float, float]] = {}
    for index in order:
        start, end = (labels[index].place * width + edge for edge in labels[index].reach)
        if inside is not None and not (inside[0] < start and end < inside[1]):
            continue
        if all(end + BETWEEN < left or right + BETWEEN < start for left, right in kept.values()):
            kept[index] = (start, end)
    return list(kept)


def leave_out(name: str, ends: Mapping[int, float]) -> str:
    """Return the style rules that leave a figure out where the picture is too narrow for it.

    Args:
        name: The beginning of the figures' classes; the index follows.
        ends: Index of a figure -> where it ends, in pixels.
    """
    return "".join(f"@media(max-width:{end:.0f}px){{.{name}{index}{{display:none}}}}" for index, end in ends.items())
