"""What lies over the live panels as plain HTML: the marks, and the exact values under the pointer.

The browser does the hovering with style rules alone. So it costs no message when the pointer moves,
works while the kernel is busy, and needs no script.
"""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from sandbox_magic.model import summary
from sandbox_magic.model.units import counted, limit_size, running_seconds, size
from sandbox_magic.picture import mark_labels, placing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sandbox_magic.model.policy import Limits
    from sandbox_magic.model.timeline import Mark, Sample
    from sandbox_magic.picture.mark_labels import Flag

MOST_LABELS = 8
MOST_STRIPS = 100
WIDTHS = (220, 320, 440, 600, 800, 1000)  # of the plot, in pixels: at each there is room for more labels
_PRECISE_SECONDS = 10  # below, hundredths of a second are told


def marks_html(marks: Sequence[Mark], end: float, height: int) -> str:
    """Draw the marks: a thin line for each, labels for the newest where they have room.

    Args:
        marks: In order.
        end: The end of the axis of time, in seconds.
        height: From the first panel's plot to the last one's lower edge, in pixels.
    """
    if not marks:
        return ""
    places = dict.fromkeys(f"{100 * min(mark.seconds / end, 1.0):.1f}" for mark in marks)
    lines = "".join(f'<line x1="{x}%" x2="{x}%" y1="-9" y2="{height}"/>' for x in places)
    labels = mark_labels.flags(marks[-MOST_LABELS:], end)
    texts = "".join(_label_svg(labels[index], width) for index, width in roomy(labels).items())
    return f'<svg class="sandbox-marks" width="100%" height="{height}" aria-hidden="true">{lines}{texts}</svg>'


def roomy(labels: Sequence[Flag]) -> dict[int, int]:
    """Return the labels that meet no other, each with the narrowest plot that shows it; the newest come first."""
    kept: dict[int, int] = {}
    for width in WIDTHS:
        newest = [index for index in reversed(range(len(labels))) if index not in kept]
        for index in placing.placed(labels, width, [*kept, *newest]):
            kept.setdefault(index, width)
    return kept


def _label_svg(flag: Flag, width: int) -> str:
    near = flag.reach[1] if flag.leftward else flag.reach[0]
    anchor = "end" if flag.leftward else "start"
    place = f'x="{100 * flag.place:.1f}%" dx="{near:.0f}" y="-3" text-anchor="{anchor}"'
    return f'<text class="from-{width}" {place}>{escape(flag.label)}</text>'


def hover_html(samples: Sequence[Sample], end: float) -> str:
    """Lay strips over the panels, each of which shows its values when the pointer is on it.

    Where there are more samples than strips, a strip shows the largest of its samples.
    """
    strips = list(_strips(samples))
    middles = [(one[0] + other[0]) / 2 for one, other in pairwise(strips)]
    edges = [0.0, *middles, strips[-1][0]]
    told = []
    for (left, right), (_, text) in zip(pairwise(edges), strips, strict=True):
        before = ' class="b"' if left + right > end else ""
        place = f"left:{100 * left / end:.2f}%;width:{100 * (right - left) / end:.2f}%"
        told.append(f'<i{before} style="{place}" data-say="{escape(text)}"></i>')
    return f'<div class="sandbox-strips" aria-hidden="true">{"".join(told)}</div>'


def _strips(samples: Sequence[Sample]) -> Iterator[tuple[float, str]]:
    together = -(-len(samples) // MOST_STRIPS)
    for start in range(0, len(samples), together):
        group = samples[start : start + together]
        yield group[-1].seconds, _values(group)


def _values(group: Sequence[Sample]) -> str:
    seconds = group[-1].seconds
    cpu = max((sample.cpu_percent for sample in group if sample.cpu_percent is not None), default=None)
    memory = max((sample.memory_bytes for sample in group if sample.memory_bytes is not None), default=None)
    processes = max((sample.processes for sample in group if sample.processes is not None), default=None)
    figures = [
        f"{seconds:.2f} s" if seconds < _PRECISE_SECONDS else running_seconds(seconds),
        "CPU unknown" if cpu is None else f"{cpu:.0f} % CPU",
        "memory unknown" if memory is None else size(memory),
    ]
    if processes is not None:
        figures.append(counted(processes, "process", "processes"))
    return " · ".join(figures)


def told_html(samples: Sequence[Sample], marks: Sequence[Mark], limits: Limits) -> str:
    """Describe the panels in words, for a reader who does not see them."""
    last = samples[-1]
    cpu = [sample.cpu_percent for sample in samples if sample.cpu_percent is not None]
    memory = [sample.memory_bytes for sample in samples if sample.memory_bytes is not None]
    sentences = []
    if cpu:
        sentences.append(
            f"CPU: {cpu[-1]:.0f} % of one core after {running_seconds(last.seconds)}, at most {max(cpu):.0f} %."
        )
    if memory:
        limit = limit_size(limits.memory_bytes)
        sentences.append(f"Memory: {size(memory[-1])}, at most {size(max(memory))}, limit {limit}.")
    if marks:
        told = ", ".join(f"{summary.shown(mark)} at {running_seconds(mark.seconds)}" for mark in marks[-MOST_LABELS:])
        sentences.append(f"Marks: {told}.")
    return f'<span class="sandbox-told" role="note">{escape(" ".join(sentences))}</span>'
