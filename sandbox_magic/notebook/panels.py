"""The live widget: a line of words over two slim bqplot panels. What it shows, not when."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from sandbox_magic import words
from sandbox_magic.axes import cpu_axis, live_time_axis, memory_axis
from sandbox_magic.ink import LEFT, RIGHT
from sandbox_magic.notebook.style import STYLE
from sandbox_magic.result import size
from sandbox_magic.trusted import importing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sandbox_magic.axes import Axis
    from sandbox_magic.events import Sample
    from sandbox_magic.policy import Limits


def load() -> None:
    """Import what the widgets need: about 0.3 s, most of it pandas."""
    with importing():
        import bqplot  # noqa: F401 - so that `Panels` finds it imported
        import ipywidgets  # noqa: F401 - as above


class Panels:
    """The widgets of one dashboard, all of them closed by `close`.

    Attributes:
        box: The outermost widget, the one to display.

    Args:
        limits: The bounds of the run.
    """

    box: Any

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._made: list[Any] = []
        with ExitStack() as on_failure:
            on_failure.callback(self.close)
            self._build()
            on_failure.pop_all()

    def update(self, samples: Sequence[Sample]) -> None:
        """Move everything to the samples so far, in one message for each widget that changed.

        Args:
            samples: At least one, oldest first.
        """
        last = samples[-1]
        time = live_time_axis(last.seconds, self._limits.wall_seconds)
        with ExitStack() as together:
            for widget in self._made:
                together.enter_context(widget.hold_sync())
            self._line.value = line_html(words.live(last, self._limits))
            self._cpu.update(
                [(sample.seconds, sample.cpu_percent) for sample in samples],
                time,
                cpu_axis(max((s.cpu_percent for s in samples if s.cpu_percent is not None), default=None)),
                "CPU unknown" if last.cpu_percent is None else f"{last.cpu_percent:.0f} % CPU",
            )
            self._memory.update(
                [(sample.seconds, sample.memory_bytes) for sample in samples],
                time,
                memory_axis(
                    max((s.memory_bytes for s in samples if s.memory_bytes is not None), default=None),
                    self._limits.memory_bytes,
                ),
                "memory unknown" if last.memory_bytes is None else size(last.memory_bytes),
            )

    def close(self) -> None:
        """Close every widget, those that bqplot and ipywidgets made for ours included."""
        for widget in {id(each): each for made in self._made for each in _within(made)}.values():
            widget.close()
        self._made = []

    def _build(self) -> None:
        with importing():
            import bqplot
            import ipywidgets
        style = self._make(ipywidgets.HTML, value=STYLE, _dom_classes=("sandbox-style",))
        self._line = self._make(ipywidgets.HTML, _dom_classes=("sandbox-words",))
        across = self._make(bqplot.LinearScale, min=0.0, max=1.0, allow_padding=False)
        limit = f"limit {words.limit_size(self._limits.memory_bytes)}"
        self._cpu = _Panel(self._make, across, _Look(name="cpu", height=52, top=8, bottom=4))
        self._memory = _Panel(
            self._make, across, _Look(name="memory", height=90, top=18, bottom=22, limit=limit, timed=True)
        )
        children = (style, self._line, self._cpu.figure, self._memory.figure)
        self.box = self._make(ipywidgets.VBox, children=children, _dom_classes=("sandbox-dashboard",))

    def _make(self, kind: Any, **traits: Any) -> Any:
        widget = kind(**traits)
        self._made.append(widget)
        return widget


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What sets one panel apart from the other.

    Attributes:
        name: ``cpu`` or ``memory``; the suffix of its class and of its colours' variables.
        height: With its margins, in pixels.
        top: The margin above the plot.
        bottom: The margin below.
        limit: The limit in words; empty if there is none.
        timed: Whether the axis of time stands below it.
    """

    name: str
    height: int
    top: int
    bottom: int
    limit: str = ""
    timed: bool = False


class _Panel:
    """One curve with its axes, its limit, and its latest value written at its end.

    Args:
        make: Makes a widget that is closed with the others.
        across: The scale of time, shared by the panels.
        look: What it looks like.
    """

    def __init__(self, make: Callable[..., Any], across: Any, look: _Look) -> None:
        with importing():
            import bqplot
        self._look = look
        self._x = across
        self._y = make(bqplot.LinearScale, min=0.0, max=1.0, allow_padding=False)
        self._scales = {"x": self._x, "y": self._y}
        self._curve, self._dot = self._make_curve(make, bqplot)
        dashed: dict[str, Any] = {"scales": self._scales, "colors": ["var(--sandbox-limit)"], "stroke_width": 1.0}
        self._limit = make(bqplot.Lines, visible=False, **dashed)
        self._deadline = make(bqplot.Lines, visible=False, **dashed)
        self._word, self._limit_word = self._make_words(make, bqplot)
        self._up = make(
            bqplot.Axis, scale=self._y, orientation="vertical", grid_lines="solid", grid_color="var(--sandbox-grid)"
        )
        self._below = make(bqplot.Axis, scale=self._x, grid_lines="none") if look.timed else None
        self.figure = make(
            bqplot.Figure,
            marks=[self._curve, self._limit, self._deadline, self._dot, self._limit_word, self._word],
            axes=[self._up, self._below] if look.timed else [self._up],
            fig_margin={"top": look.top, "bottom": look.bottom, "left": LEFT, "right": RIGHT},
            padding_y=0.0,
            animation_duration=0,
            display_toolbar=False,
            _dom_classes=(f"sandbox-{look.name}",),
            layout={"width": "auto", "height": f"{look.height}px"},
        )

    def _make_curve(self, make: Callable[..., Any], bqplot: Any) -> tuple[Any, Any]:
        traits: dict[str, Any] = {"scales": self._scales, "colors": [f"var(--sandbox-{self._look.name})"]}
        curve = make(bqplot.Lines, fill="bottom", fill_opacities=[0.18], stroke_width=1.8, **traits)
        return curve, make(bqplot.Scatter, default_size=28, stroke_width=0.0, **traits)

    def _make_words(self, make: Callable[..., Any], bqplot: Any) -> tuple[Any, Any]:
        traits: dict[str, Any] = {"scales": self._scales, "default_size": 11.0}
        colours = [f"var(--sandbox-{self._look.name}-word)"], ["var(--sandbox-soft)"]
        value = make(bqplot.Label, x_offset=8, font_weight="bold", colors=colours[0], **traits)
        limit = make(bqplot.Label, x_offset=4, y_offset=-8, font_weight="normal", colors=colours[1], **traits)
        return value, limit

    def update(self, points: Sequence[tuple[float, float | None]], time: Axis, up: Axis, word: str) -> None:
        """Move the curve, the axes and what is written at the curve's end."""
        self._x.max, self._y.max = time.end, up.end
        _tick(self._up, up)
        if self._below is not None:
            _tick(self._below, time)
        self._draw_limits(time, up)
        known = [(x, y) for x, y in points if y is not None]
        _place(self._curve, points)
        _place(self._dot, known[-1:])
        _place(self._word, known[-1:] or [(time.end, 0.0)])
        self._word.text = [word]

    def _draw_limits(self, time: Axis, up: Axis) -> None:
        self._deadline.visible = time.limit is not None
        if time.limit is not None:
            _place(self._deadline, [(time.limit, 0.0), (time.limit, up.end)])
        if not self._look.limit:
            return
        self._limit.visible = up.limit is not None
        if up.limit is not None:
            _place(self._limit, [(0.0, up.limit), (time.end, up.limit)])
        _place(self._limit_word, [(0.0, up.end if up.limit is None else up.limit)])
        self._limit_word.text = [self._look.limit + (" ↑" if up.limit is None else "")]


def line_html(line: words.Line) -> str:
    """Write the line of words for the widget, each figure an element, so that it wraps between them."""
    figures = "".join(f'<span class="sandbox-figure">{escape(figure)}</span>' for figure in line.figures)
    return (
        f'<div class="sandbox-line" title="{escape(str(line))}"><span class="sandbox-mark {line.mark}"></span>'
        f'<div class="sandbox-wrap"><span class="sandbox-state">{escape(line.state)}</span>{figures}</div></div>'
    )


def _place(mark: Any, points: Sequence[tuple[float, float | None]]) -> None:
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


def _within(widget: Any, seen: set[int] | None = None) -> Iterator[Any]:
    """Give a widget and those it holds: its layout, its style, its scales, its toolbar."""
    seen = set() if seen is None else seen
    if id(widget) in seen:
        return
    seen.add(id(widget))
    yield widget
    for value in widget.trait_values().values():
        for held in _values(value):
            if hasattr(held, "comm") and hasattr(held, "trait_values"):
                yield from _within(held, seen)


def _values(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, (list, tuple)) else (value,)
