"""The dashboard's details: processes, bytes, and the figures that no curve shows."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from sandbox_magic.model.units import amount, counted, limit_seconds, limit_size, seconds, size
from sandbox_magic.notebook.dashboard.chart import Chart, Look
from sandbox_magic.picture.axes import HEADROOM, Axis, memory_axis, round_up
from sandbox_magic.safe_import import importing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sandbox_magic.model.policy import Limits
    from sandbox_magic.model.timeline import Sample, Timeline


class Details:
    """The widgets below the panels; made when they are first opened.

    Attributes:
        box: The widget to place.

    Args:
        make: Makes a widget that is closed with the others.
        across: The scale of time, shared by the panels.
        limits: The bounds of the run.
        scale: How many times as large it is.
    """

    box: Any

    def __init__(self, make: Callable[..., Any], across: Any, limits: Limits, scale: float = 1.0) -> None:
        with importing():
            import ipywidgets
        self._limits = limits
        self._figures = make(ipywidgets.HTML, _dom_classes=("sandbox-figures",))
        processes = Look(name="processes", curves=("processes", "threads"), height=62, top=14, bottom=6)
        moved = Look(name="bytes", curves=("read", "written"), height=76, top=12, bottom=22, timed=True)
        self._processes, self._bytes = (Chart(make, across, look, scale) for look in (processes, moved))
        children = (self._processes.figure, self._bytes.figure, self._figures)
        self.box = make(ipywidgets.VBox, children=children, _dom_classes=("sandbox-more",))

    def update(self, timeline: Timeline, time: Axis, park_seconds: float | None) -> None:
        """Move everything to the samples so far."""
        samples, last = timeline.samples, timeline.samples[-1]
        self._processes.update(
            time,
            count_axis(max(timeline.peak("processes") or 0, timeline.peak("threads") or 0)),
            (_points(samples, "processes"), counted(last.processes, "process", "processes")),
            (_points(samples, "threads"), counted(last.threads, "thread", "threads")),
        )
        self._bytes.update(
            time,
            memory_axis(max(timeline.peak("read_bytes") or 0, timeline.peak("written_bytes") or 0), None),
            (_points(samples, "read_bytes"), _moved(last.read_bytes, "read")),
            (_points(samples, "written_bytes"), _moved(last.written_bytes, "wrote")),
        )
        self._figures.value = figures_html(dict(figures(timeline, self._limits, park_seconds)))


def figures(timeline: Timeline, limits: Limits, park_seconds: float | None) -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each figure; what is not known is left out."""
    last = timeline.samples[-1]
    if last.cpu_seconds is not None:
        most = "no limit" if limits.cpu_seconds is None else f"limit {limit_seconds(limits.cpu_seconds)}"
        yield "CPU time", f"{seconds(last.cpu_seconds)}, {most}"
    if (peak := timeline.peak("memory_bytes")) is not None:
        yield "peak memory so far", amount(peak, limits.memory_bytes)
    if last.memory_bytes is not None:
        files = f", {size(last.shared_bytes)} of it shared and in files" if last.shared_bytes else ""
        yield "memory now", f"{size(last.memory_bytes)}{files}"
    if (most_processes := timeline.peak("processes")) is not None:
        yield "most processes", f"{most_processes:.0f}; limit {limits.processes}, threads included"
    yield "time limit", "none" if limits.wall_seconds is None else limit_seconds(limits.wall_seconds)
    yield "disk limit", limit_size(limits.disk_bytes)
    if park_seconds is not None:
        yield "start of the sandbox", seconds(park_seconds)


def figures_html(told: dict[str, str]) -> str:
    """Write figures as a list of terms."""
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in told.items())
    return f"<dl>{rows}</dl>"


def count_axis(peak: float) -> Axis:
    """Return the axis of a number of things, with two ticks."""
    top = round_up(max(peak, 1), (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0))
    return Axis(end=top * HEADROOM, ticks=((0.0, "0"), (top, f"{top:g}")))


def _points(samples: Sequence[Sample], field: str) -> list[tuple[float, float | None]]:
    return [(sample.seconds, getattr(sample, field)) for sample in samples]


def _moved(value: int | None, what: str) -> str:
    return f"{what} unknown" if value is None else f"{what} {size(value)}"
