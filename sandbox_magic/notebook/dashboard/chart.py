"""One bqplot panel: curves over their axes, each with its latest value written at its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox_magic.picture.theme import LEFT, RIGHT
from sandbox_magic.safe_import import importing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sandbox_magic.picture.axes import Axis

    Point = tuple[float, float | None]

_APART = 12  # pixels between two words at the curves' ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What sets one panel apart from the others.

    Attributes:
        name: The suffix of its class.
        curves: The suffix of each curve's colours; the first is solid and filled, a second one dashed.
        height: With its margins, in pixels.
        top: The margin above the plot.
        bottom: The margin below.
        limit: The limit in words; empty if there is none.
        timed: Whether the axis of time is below it.
    """

    name: str
    curves: tuple[str, ...]
    height: int
    top: int
    bottom: int
    limit: str = ""
    timed: bool = False


class Chart:
    """The widgets of one panel.

    Attributes:
        figure: The widget to place.

    Args:
        make: Makes a widget that is closed with the others.
        across: The scale of time, shared by the panels.
        look: What it looks like.
        scale: How many times as large it is; bqplot draws wrongly in a page's own zoom.
    """

    figure: Any

    def __init__(self, make: Callable[..., Any], across: Any, look: Look, scale: float = 1.0) -> None:
        with importing():
            import bqplot
        self._look = look
        self._scale = scale
        self._x = across
        self._y = make(bqplot.LinearScale, min=0.0, max=1.0, allow_padding=False)
        self._scales = {"x": self._x, "y": self._y}
        self._curves = [self._make_curve(make, bqplot, name, dashed=bool(n)) for n, name in enumerate(look.curves)]
        dashed: dict[str, Any] = {"scales": self._scales, "colors": ["var(--sandbox-limit)"], "stroke_width": 1.0}
        self._limit = make(bqplot.Lines, visible=False, **dashed) if look.limit else None
        self._deadline = make(bqplot.Lines, visible=False, **dashed)
        self._limit_word = self._make_word(
            make, bqplot, "var(--sandbox-soft)", x_offset=int(4 * scale), y_offset=int(-8 * scale)
        )
        self._up = make(
            bqplot.Axis, scale=self._y, orientation="vertical", grid_lines="solid", grid_color="var(--sandbox-grid)"
        )
        self._below = make(bqplot.Axis, scale=self._x, grid_lines="none") if look.timed else None
        lines, dots, ends = zip(*self._curves, strict=True)
        marks = [*lines, self._limit, self._deadline, *dots, self._limit_word, *ends]
        self.figure = make(
            bqplot.Figure,
            marks=[mark for mark in marks if mark is not None],
            axes=[axis for axis in (self._up, self._below) if axis is not None],
            fig_margin={
                side: int(scale * pixels)
                for side, pixels in (("top", look.top), ("bottom", look.bottom), ("left", LEFT), ("right", RIGHT))
            },
            padding_y=0.0,
            animation_duration=0,
            display_toolbar=False,
            _dom_classes=("sandbox-chart", f"sandbox-{look.name}"),
            layout={"width": "auto", "height": f"{scale * look.height:.0f}px"},
        )

    def _make_curve(self, make: Callable[..., Any], bqplot: Any, name: str, *, dashed: bool) -> tuple[Any, Any, Any]:
        """Make a line, the dot at its end, and the word beside the dot."""
        traits: dict[str, Any] = {"scales": self._scales, "colors": [f"var(--sandbox-{name})"]}
        kind = {"line_style": "dashed"} if dashed else {"fill": "bottom", "fill_opacities": [0.18]}
        line = make(bqplot.Lines, stroke_width=1.8 * self._scale, **kind, **traits)
        dot = make(bqplot.Scatter, default_size=int(28 * self._scale**2), stroke_width=0.0, **traits)
        word = self._make_word(
            make, bqplot, f"var(--sandbox-{name}-word)", x_offset=int(8 * self._scale), font_weight="bold"
        )
        return line, dot, word

    def _make_word(self, make: Callable[..., Any], bqplot: Any, colour: str, **traits: Any) -> Any:
        size = self._scale * (11.0 if len(self._look.curves) == 1 else 10.0)  # two words are longer, less important
        look = {"font_weight": "normal", "default_size": size, "interactions": {}} | traits
        return make(bqplot.Label, scales=self._scales, colors=[colour], **look)

    def update(self, time: Axis, up: Axis, *curves: tuple[Sequence[Point], str]) -> None:
        """Move the curves, the axes and the words at the curves' ends.

        Args:
            time: The axis of time.
            up: The axis of the values.
            curves: For each curve its points, and its word.
        """
        self._x.max, self._y.max = time.end, up.end
        _tick(self._up, up)
        if self._below is not None:
            _tick(self._below, time)
        self._draw_limits(time, up)
        lasts = [[(x, y) for x, y in points if y is not None][-1:] for points, _ in curves]
        offsets = self._apart([last[0][1] if last else 0.0 for last in lasts], up)
        for (line, dot, word), (points, text), last, offset in zip(self._curves, curves, lasts, offsets, strict=True):
            known = next((n for n in range(len(points), 0, -1) if points[n - 1][1] is not None), 0)
            _place(line, points[:known])  # bqplot can't place the label that every curve has at the end of a gap
            _place(dot, last)
            _place(word, last or [(time.end, 0.0)])
            word.text, word.y_offset = [text], offset

    def _apart(self, values: Sequence[float], up: Axis) -> list[int]:
        """Return how far each word is moved, in pixels, so that two do not meet."""
        plot = self._scale * (self._look.height - self._look.top - self._look.bottom)
        heights = [plot * value / up.end for value in values]
        offsets = [0] * len(values)
        if len(values) > 1 and (lack := _APART * self._scale - abs(heights[1] - heights[0])) > 0:
            higher = int(heights[1] > heights[0])
            offsets[higher] = -int(lack)
        return offsets

    def _draw_limits(self, time: Axis, up: Axis) -> None:
        self._deadline.visible = time.limit is not None
        if time.limit is not None:
            _place(self._deadline, [(time.limit, 0.0), (time.limit, up.end)])
        if self._limit is None:
            return
        self._limit.visible = up.limit is not None
        if up.limit is not None:
            _place(self._limit, [(0.0, up.limit), (time.end, up.limit)])
        _place(self._limit_word, [(0.0, up.end if up.limit is None else up.limit)])
        self._limit_word.text = [self._look.limit + (" ↑" if up.limit is None else "")]


def _place(mark: Any, points: Sequence[Point]) -> None:
    """Put a mark's points, unless they are there already: arrays do not compare by themselves."""
    x, y = [point[0] for point in points], [float("nan") if point[1] is None else point[1] for point in points]
    if list(mark.x) != x:
        mark.x = x
    if list(mark.y) != y:
        mark.y = y


def _tick(axis: Any, scale: Axis) -> None:
    values = [value for value, _label in scale.ticks]
    if axis.tick_values is None or list(axis.tick_values) != values:
        axis.tick_labels = {_script_number(value): label for value, label in scale.ticks}
        axis.tick_values = values


def _script_number(value: float) -> str:
    """Write a number as JavaScript does, for bqplot looks a tick's label up by that."""
    return str(int(value)) if value == int(value) else repr(value)
