"""A picture as PNG, drawn by matplotlib where it is installed: the same panels at the same places."""

from __future__ import annotations

import importlib.util
import io
from typing import TYPE_CHECKING, Any

from sandbox_magic.model.errors import SandboxError
from sandbox_magic.picture.theme import LEFT, RIGHT, colours
from sandbox_magic.safe_import import importing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sandbox_magic.picture.panel import Curve, Panel
    from sandbox_magic.picture.theme import Theme

REMEDY = "pip install 'sandbox-magic[plot]', or a name that ends in .svg or .html, which need nothing"
_WIDTH = 960  # of the layout, in pixels; the file has twice as many
_DASHES = {"": "-", "dashed": (0, (6, 3)), "dotted": (0, (2, 3))}


def can_draw() -> bool:
    """Return whether matplotlib is installed."""
    with importing():
        return importlib.util.find_spec("matplotlib") is not None


def png(theme: Theme, *, height: int, rows: Sequence[tuple[str, str]], panels: Sequence[Panel] = ()) -> bytes:
    """Return a picture as PNG, 1920 pixels wide; light, unless it is to be dark.

    Args:
        theme: As of the SVG.
        height: Of the layout, in pixels.
        rows: The words above the panels, each row with the name of its colour.
        panels: The panels, the last one with the axis of time.

    Raises:
        SandboxError: matplotlib is not installed, or does not work.
    """
    try:
        with importing():
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
    except ImportError as error:
        raise SandboxError("a PNG is drawn by matplotlib", seen=str(error), remedy=REMEDY) from error
    inks = colours(theme)
    figure = Figure(figsize=(_WIDTH / 72, height / 72), dpi=144, facecolor=inks["card"])  # a point is a pixel
    FigureCanvasAgg(figure)
    for row, (kind, text) in enumerate(rows):
        y = 1 - (24 + 18 * row) / height
        plain = text.replace("$", r"\$")  # else it is a formula
        figure.text(16 / _WIDTH, y, plain, fontsize=12, color=inks[kind], va="baseline")
    for panel in panels:
        bottom, width = 1 - (panel.top + panel.height) / height, 1 - (LEFT + RIGHT) / _WIDTH
        axes = figure.add_axes((LEFT / _WIDTH, bottom, width, panel.height / height))
        _draw(axes, panel, inks, timed=panel is panels[-1])
    data = io.BytesIO()
    figure.savefig(data, format="png")
    return data.getvalue()


def _draw(axes: Any, panel: Panel, inks: Mapping[str, str], *, timed: bool) -> None:
    axes.set(xlim=(0, panel.across.end), ylim=(0, panel.up.end), facecolor="none")
    axes.spines[:].set_visible(False)
    axes.set_yticks([value for value, _ in panel.up.ticks], [label for _, label in panel.up.ticks])
    ticks = panel.across.ticks if timed else ()
    axes.set_xticks([value for value, _ in ticks], [label for _, label in ticks])
    axes.tick_params(labelsize=10, labelcolor=inks["soft"], length=0)
    axes.grid(axis="y", color=inks["grid"])
    for start, end in panel.pauses:
        axes.axvspan(start, end, color=inks["soft"], alpha=0.1, linewidth=0)
    if panel.up.limit is not None:
        axes.axhline(panel.up.limit, color=inks["soft"], linestyle="--", linewidth=1)
    if panel.caption:
        y = panel.up.end if panel.up.limit is None else panel.up.limit
        axes.annotate(
            panel.caption, (0, y), (4, 4), textcoords="offset points", fontsize=10, color=inks["soft"],
            annotation_clip=False,
        )  # fmt: skip
    for curve in panel.curves:
        _draw_curve(axes, curve, panel, inks)


def _draw_curve(axes: Any, curve: Curve, panel: Panel, inks: Mapping[str, str]) -> None:
    times = [x for x, _ in curve.points]
    values = [float("nan") if y is None else y for _, y in curve.points]
    axes.plot(times, values, color=inks[curve.name], linewidth=1.8, linestyle=_DASHES[curve.dashes], clip_on=False)
    if curve.filled:
        axes.fill_between(times, values, color=inks[curve.name], alpha=0.18, linewidth=0)
    told = curve.told
    if told is not None:
        axes.plot(*told, "o", color=inks[curve.name], markersize=5, clip_on=False)
    x, y = (panel.across.end, 0.0) if told is None else told
    place = panel.across.end if curve.at_peak else x
    for text, down, weight in ((curve.word, -4, "bold"), (curve.below, -16, "normal")):
        axes.annotate(
            text, (place, y), (8, down), textcoords="offset points", fontsize=10.5, weight=weight,
            color=inks[f"{curve.name}-word"], annotation_clip=False,
        )  # fmt: skip
