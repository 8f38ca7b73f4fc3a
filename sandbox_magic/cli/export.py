"""A run as a picture in a file: SVG and HTML by ourselves, PNG by matplotlib where it is installed."""

from __future__ import annotations

import importlib.util
import io
import os
from html import escape
from typing import TYPE_CHECKING, Any

from sandbox_magic.model import even, summary
from sandbox_magic.model.errors import PolicyError, SandboxError
from sandbox_magic.picture import course
from sandbox_magic.picture.axes import cpu_axis, memory_axis, time_axis
from sandbox_magic.picture.drawing import SAVED_WIDTH, page
from sandbox_magic.safe_import import importing

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox_magic.model.result import Result
    from sandbox_magic.model.timeline import Timeline
    from sandbox_magic.picture.axes import Axis

_REMEDY = "pip install 'sandbox-magic[plot]', or a name that ends in .svg or .html, which need nothing"


def check(path: str) -> None:
    """Refuse, before anything is run, a picture that could not be drawn after it.

    Raises:
        PolicyError: Its kind is unknown, or what draws it is not installed.
    """
    suffix = _suffix(path)
    if suffix not in _FORMATS:
        raise PolicyError(f"{path} is not a picture's name", remedy="a name that ends in .svg, .html or .png")
    if suffix == ".png" and not _has_matplotlib():
        raise PolicyError("a PNG is drawn by matplotlib, which is not installed", remedy=_REMEDY)


def drawn(path: str, result: Result) -> bytes:
    """Return the content of the picture's file.

    Raises:
        SandboxError: matplotlib does not work.
    """
    return _FORMATS[_suffix(path)](result)


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _has_matplotlib() -> bool:
    with importing():
        return importlib.util.find_spec("matplotlib") is not None


def _svg(result: Result) -> bytes:
    return course.drawing(result).svg(width=SAVED_WIDTH).encode()


def _html(result: Result) -> bytes:
    """Return a page with the picture, the notes, and what was in force."""
    guards = "".join(
        f"<tr><th>{escape(guard.name)}</th><td>{escape(guard.text)}</td>"
        f"<td>{'' if guard.strength == 'enforced' else escape(guard.strength)}</td></tr>"
        for guard in result.isolation.guards
    )
    notes = "".join(f"<p>{escape(note)}</p>" for note in result.notes)
    table = f"<h2>What was in force</h2>\n<table>{guards or '<tr><td>not known</td></tr>'}</table>"
    return page(f"{course.html(result)}\n{notes}\n{table}", f"Sandbox run: {result.summary}")


def _png(result: Result) -> bytes:
    try:
        with importing():
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure

            figure = Figure(figsize=(10, 3.2), dpi=150, layout="constrained")
            FigureCanvasAgg(figure)
            _panels(figure, result)
            data = io.BytesIO()
            figure.savefig(data, format="png")
    except ImportError as error:
        raise SandboxError("matplotlib does not work here", seen=str(error), remedy=_REMEDY) from error
    return data.getvalue()


def _panels(figure: Any, result: Result) -> None:
    timeline, limits = even.drawn(result.timeline), result.limits
    last = timeline.samples[-1].seconds if timeline.samples else 0.0
    across = time_axis(max(result.usage.wall_seconds, last))
    upper, lower = figure.subplots(2, 1, sharex=True)
    _panel(upper, timeline, "cpu_percent", "#56B4E9", cpu_axis(timeline.peak("cpu_percent")))
    up = memory_axis(summary.peak_memory(result), limits.memory_bytes)
    _panel(lower, timeline, "memory_bytes", "#E69F00", up)
    if up.limit is not None:
        lower.axhline(up.limit, color="#59636e", linestyle="--", linewidth=1)
    upper.set_ylabel("CPU")
    lower.set_ylabel("memory")
    lower.set_xlim(0, across.end)
    lower.set_xticks([value for value, _ in across.ticks], [label for _, label in across.ticks])
    figure.suptitle(str(summary.ended(result)).replace("$", r"\$"), fontsize=10, x=0.01, ha="left")


def _panel(axes: Any, timeline: Timeline, field: str, colour: str, up: Axis) -> None:
    values = [getattr(sample, field) for sample in timeline.samples]
    times = [sample.seconds for sample in timeline.samples]
    known = [float("nan") if value is None else value for value in values]
    axes.plot(times, known, color=colour, linewidth=1.5)
    axes.fill_between(times, known, color=colour, alpha=0.18, linewidth=0)
    axes.set_ylim(0, up.end)
    axes.set_yticks([value for value, _ in up.ticks], [label for _, label in up.ticks])
    axes.grid(axis="y", color="#eaedf0")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


_FORMATS: dict[str, Callable[[Result], bytes]] = {".svg": _svg, ".html": _html, ".png": _png}
