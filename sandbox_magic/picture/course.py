"""The static picture of a run: an SVG of our own that needs no kernel, no script and no network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from html import escape
from itertools import accumulate
from typing import TYPE_CHECKING

from sandbox_magic.model import summary
from sandbox_magic.model.even import drawn
from sandbox_magic.model.units import limit_size, size
from sandbox_magic.picture import mark_labels
from sandbox_magic.picture.axes import cpu_axis, memory_axis, time_axis
from sandbox_magic.picture.drawing import Drawing
from sandbox_magic.picture.panel import Curve, Panel, Share, line, plot, time_ticks
from sandbox_magic.picture.placing import leave_out
from sandbox_magic.picture.png import png

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox_magic.model.outcome import Icon
    from sandbox_magic.model.result import Result
    from sandbox_magic.model.timeline import Sample, Timeline
    from sandbox_magic.picture.axes import Axis
    from sandbox_magic.picture.theme import Theme

HEIGHT, SHORT_HEIGHT = 184, 36
SHORT_SECONDS = 0.1  # the words tell all of a run that was over before it had a course
CPU_TOP, CPU_HEIGHT = 48, 40
MEMORY_TOP, MEMORY_HEIGHT = 109, 48
_CHARACTER, _STATE_CHARACTER = 6.4, 8.0  # a wide sans-serif, at 12 px and bold at 13 px
_BOTTOM = MEMORY_TOP + MEMORY_HEIGHT - CPU_TOP  # of both panels, from the upper edge of the first
_SHARE_FROM = 0.06  # of the axis: a thinner part could not be seen

_DOT = "\u2002·\u2002"  # with spaces that are not collapsed
_MARKS: dict[Icon, str] = {
    "running": '<circle cx="20" cy="{y}" r="4" class="good"/>',
    "done": '<path d="M15,{y}l3.5,4l7,-8" class="good"/>',
    "failed": '<path d="M15.5,{y}m0,-4.5l9,9m0,-9l-9,9" class="bad"/>',
    "time": '<circle cx="20" cy="{y}" r="5.5" class="bad"/><path d="M20,{y}m0,-3v3h2.2" class="bad thin"/>',
    "stopped": '<rect x="15.5" y="{y}" width="9" height="9" transform="translate(0,-4.5)" class="bad"/>',
}


def drawing(result: Result) -> Drawing:
    """Draw how a run went: 184 px high, or 36 px and words only if it was too short for curves."""
    wall = result.usage.wall_seconds
    told = _Told(
        line=summary.ended(result),
        described=summary.described(result),
        cause=summary.cause(result),
        limit_bytes=result.limits.memory_bytes,
        peak_bytes=summary.peak_memory(result),
    )
    return _drawing(result.timeline, told, seconds=wall if wall >= SHORT_SECONDS else 0.0)


def course(timeline: Timeline) -> Drawing:
    """Draw samples of which no more is known: not how the run ended."""
    return in_words(timeline, summary.watched(timeline))


def in_words(timeline: Timeline, line: summary.Line) -> Drawing:
    """Draw samples under a line about them."""
    last = timeline.samples[-1].seconds if timeline.samples else 0.0
    told = _Told(
        line=line,
        described=f"Course of a sandbox run: {line}.",
        limit_bytes=timeline.memory_limit_bytes,
        peak_bytes=timeline.peak("memory_bytes"),
    )
    return _drawing(timeline, told, seconds=last)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What is known of a run beside its samples.

    Attributes:
        line: The line of words.
        described: The whole picture in sentences.
        cause: What cut the run short.
        limit_bytes: The bound on memory; None if it is not known.
        peak_bytes: The most memory; None if it is not known.
    """

    line: summary.Line
    described: str
    cause: str = ""
    limit_bytes: int | None = None
    peak_bytes: float | None = None


def svg(result: Result, *, theme: Theme = "auto") -> str:
    """Return the picture of a run as a whole SVG document.

    Args:
        result: The run.
        theme: ``light``, ``dark``, or ``auto``: as the page around it prefers.
    """
    return drawing(result).svg(theme=theme)


def html(result: Result, *, theme: Theme = "auto") -> str:
    """Return the picture of a run as one ``<img>`` with everything inside it."""
    return drawing(result).html(theme=theme)


def _drawing(timeline: Timeline, told: _Told, *, seconds: float) -> Drawing:
    rows = (("ink", str(told.line)),)
    if len(timeline.samples) < 2 or not seconds:  # noqa: PLR2004 - two points make a line
        body, paint = _words(told.line, two_lines=False), partial(png, height=SHORT_HEIGHT, rows=rows)
        return Drawing(described=told.described, height=SHORT_HEIGHT, body=body, paint=paint)
    timeline = drawn(timeline)
    end = max(seconds + sum(mark.paused_seconds for mark in timeline.marks), timeline.samples[-1].seconds)
    across = time_axis(end)
    moments, rules = mark_labels.draw(mark_labels.flags(timeline.marks, across.end), _BOTTOM)
    panels = (_cpu(timeline, across), _memory(timeline, across, told))
    parts = (
        _words(told.line, two_lines=True), _style(rules), plot(CPU_TOP, _BOTTOM, moments),
        *(panel.draw() for panel in panels), _time(across, told.cause, end),
    )  # fmt: skip
    paint = partial(png, height=HEIGHT, rows=rows, panels=panels)
    return Drawing(described=told.described, height=HEIGHT, body="".join(parts), paint=paint)


def _words(line: summary.Line, *, two_lines: bool) -> str:
    """Write the line of words, or two where the width is too small for one.

    A figure that still has no room is left out, as a whole; the alternative text has them all.
    """
    state = 44 + len(line.state) * _STATE_CHARACTER
    figures = [20 + len(figure) * _CHARACTER for figure in line.figures]
    if not (two_lines and line.state):
        return _row(line, 23, "one") + _style(_left_out("one", state, figures))
    parts = [
        _row(line, 24, "one"),
        _row(replace(line, figures=()), 18, "two"),
        _row(replace(line, state=""), 36, "two"),
    ]
    lower = ".flag{transform:translateY(3px)}"  # out of the second row's way
    swap = f"@media(max-width:{state + sum(figures):.0f}px){{.one{{display:none}}.two{{display:inline}}{lower}}}"
    return "".join(parts) + _style(".two{display:none}", swap, _left_out("two", 10, figures))


def _row(line: summary.Line, base: int, name: str) -> str:
    """Write one row: mark and state if there is one, then the figures."""
    state = f'<tspan class="state">{escape(line.state)}</tspan>' if line.state else ""
    mark = f'<g class="mark {name}">{_MARKS[line.icon].format(y=base - 4)}</g>' if state else ""
    figures = [
        f'<tspan class="{name}{i}">{_DOT if i or state else ""}{escape(figure)}</tspan>'
        for i, figure in enumerate(line.figures)
    ]
    return f'{mark}<text class="words {name}" x="{34 if state else 14}" y="{base}">{state}{"".join(figures)}</text>'


def _left_out(name: str, start: float, figures: Sequence[float]) -> str:
    """Return the rules that leave figures out where they have no room; the first and the last go last."""
    keep = sorted(range(len(figures)), key=lambda index: (index not in (0, len(figures) - 1), index))
    ends = accumulate((figures[index] for index in keep), initial=start)
    return leave_out(name, dict(zip(keep, list(ends)[1:], strict=True)))


def _style(*rules: str) -> str:
    return f"<style>{''.join(rules)}</style>"


def _cpu(timeline: Timeline, across: Axis) -> Panel:
    peak = timeline.peak("cpu_percent")
    curve = Curve(
        name="cpu",
        points=[(sample.seconds, sample.cpu_percent) for sample in timeline.samples],
        word="CPU unknown" if peak is None else f"{peak:.0f} %",
        below="" if peak is None else "peak CPU",
        at_peak=True,
    )
    up, pauses = cpu_axis(peak), _pauses(timeline)
    return Panel(top=CPU_TOP, height=CPU_HEIGHT, across=across, up=up, curves=(curve,), pauses=pauses)


def _memory(timeline: Timeline, across: Axis, told: _Told) -> Panel:
    peak, limit = told.peak_bytes, told.limit_bytes
    curve = Curve(
        name="memory",
        points=[(sample.seconds, sample.memory_bytes) for sample in timeline.samples],
        word="memory unknown" if peak is None else size(peak),
        below="" if peak is None else "peak memory",
        at_peak=True,
    )
    up = memory_axis(peak, limit)
    return Panel(
        top=MEMORY_TOP, height=MEMORY_HEIGHT, across=across, up=up, curves=(curve,),
        caption=limit_caption(up, limit), share=_shared(timeline, up), pauses=_pauses(timeline),
    )  # fmt: skip


def _pauses(timeline: Timeline) -> list[tuple[float, float]]:
    """Return from when to when a run was paused, by the clock of its picture."""
    return [(mark.seconds - mark.paused_seconds, mark.seconds) for mark in timeline.marks if mark.paused_seconds]


def limit_caption(up: Axis, limit: int | None) -> str:
    """Name the limit on memory; an arrow says that it lies above the picture."""
    return "" if limit is None else f"limit {limit_size(limit)}{'' if up.limit else ' ↑'}"


def _shared(timeline: Timeline, up: Axis) -> Share | None:
    """Return the shared part of the memory, if it is known and large enough to be seen."""
    points = [(sample.seconds, _own(sample), sample.memory_bytes) for sample in timeline.samples]
    shared = [0 if own is None or whole is None else whole - own for _, own, whole in points]
    if max(shared) < _SHARE_FROM * up.end:
        return None
    number, unit = size(shared[-1]).split()
    if 2 * shared[-1] >= max(shared) and size(timeline.samples[-1].memory_bytes or 0).endswith(unit):
        return Share(points=points, word=f"{number} shared", lasts=True)
    return Share(points=points, word=f"{size(max(shared))} shared", lasts=False)


def _own(sample: Sample) -> int | None:
    """Return the part of the memory that is not shared, also where the whole is of another moment than the parts."""
    if sample.memory_bytes is None or sample.anonymous_bytes is None:
        return None
    shared = sample.shared_bytes
    return sample.anonymous_bytes if shared is None else max(0, sample.memory_bytes - shared)


def _time(across: Axis, cause: str, end: float) -> str:
    """Draw the axis of time below the panels, and across them what cut the run short."""
    parts = [time_ticks(across, _BOTTOM + 15)]
    if cause:
        x, place = 100 * end / across.end, f'dx="-6" y="{CPU_HEIGHT + 13}" text-anchor="end"'
        parts.append(line("bad", x, -4, x, _BOTTOM + 2))
        parts.append(f'<text class="halo cause" x="{x:.2f}%" {place}>{escape(cause)}</text>')
    return plot(CPU_TOP, _BOTTOM, "".join(parts))
