"""The live widget: a line of words with buttons, two slim panels, details below. What it shows, not when."""

from __future__ import annotations

from contextlib import ExitStack
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar

from sandbox_magic.execution.loop import MOST_PAUSED_SECONDS
from sandbox_magic.model import summary
from sandbox_magic.model.even import drawn
from sandbox_magic.model.units import limit_size, size
from sandbox_magic.notebook.dashboard.buttons import Buttons
from sandbox_magic.notebook.dashboard.chart import Chart, Look
from sandbox_magic.notebook.dashboard.details import Details
from sandbox_magic.notebook.dashboard.html_layer import hover_html, marks_html, told_html
from sandbox_magic.notebook.dashboard.places import WAITING
from sandbox_magic.notebook.dashboard.style import LINES_HEIGHT, STYLE
from sandbox_magic.picture.axes import cpu_axis, live_time_axis, memory_axis
from sandbox_magic.picture.theme import LARGE
from sandbox_magic.safe_import import importing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sandbox_magic.model.policy import Limits
    from sandbox_magic.model.timeline import Sample, Timeline
    from sandbox_magic.picture.axes import Axis

HOVER_EVERY_SECONDS = 1.0  # what lies under the pointer may be so old
# bqplot hands each change to the browser's next frame, and a hidden tab has none: the changes pile up, 0.1 MB each,
# until it is shown. Drawn anew only when it would be seen, a curve has 450 changes in ten minutes and 600 in an hour.
DRAW_SHARE = 0.01  # of the run's time so far


def load() -> None:
    """Import what the widgets need: about 0.3 s, most of it pandas."""
    with importing():
        import bqplot  # noqa: F401 - so that `Panels` finds it imported
        import ipywidgets  # noqa: F401 - as above


class Panels:
    """The widgets of one dashboard, all of them closed by `close`.

    Attributes:
        box: The outermost widget, the one to display.
        opened: Whether the details are shown: in every dashboard of this kernel, until it is changed.
        buttons: The buttons.

    Args:
        limits: The bounds of the run.
        pressed: Called on another thread with ``pause`` or ``stop``, and with ``details``.
        controlled: Whether there is a run to pause and to stop.
        large: Whether it is to be read from afar.
    """

    box: Any
    opened: ClassVar[bool] = False

    def __init__(
        self, limits: Limits, pressed: Callable[[str], None], *, controlled: bool, large: bool = False
    ) -> None:
        self._limits = limits
        self._scale = LARGE if large else 1.0
        self._classes = ("sandbox-dashboard", *(["sandbox-large"] if large else []))
        self._made: list[Any] = []
        self._details: Details | None = None
        self._told: tuple[int, bool] | None = None
        self._draw_due = self._hover_due = 0.0  # in the run's seconds
        with ExitStack() as on_failure:
            on_failure.callback(self.close)
            self._build(pressed, controlled=controlled)
            on_failure.pop_all()

    def update(
        self,
        timeline: Timeline,
        *,
        paused: bool = False,
        held_seconds: float | None = None,
        park_seconds: float | None = None,
    ) -> None:
        """Move everything to the samples so far, in one message for each widget that changed.

        The words every time; the curves less often the longer the run is, for then they move less.

        Args:
            timeline: With at least one sample.
            paused: Whether the run is paused, for the button.
            held_seconds: For how long it is by now; None if it is not.
            park_seconds: Real time to start the sandbox, where it is known.
        """
        last, told = timeline.samples[-1], (len(timeline.marks), self.opened)
        if self.opened and self._details is None:
            self._details = Details(self._make, self._across, self._limits, self._scale)
        with ExitStack() as together:
            for widget in self._made:
                together.enter_context(widget.hold_sync())
            line = summary.live(last, self._limits)
            if held_seconds is not None:
                line = summary.paused(line, held_seconds, MOST_PAUSED_SECONDS)
            self._line.value = line_html(line)
            if told != self._told or held_seconds is not None or last.seconds >= self._draw_due:
                course = drawn(timeline, held_seconds or 0.0)
                time = self._time_axis(course)
                self._draw(course, last, time)
                self._draw_details(course, time, park_seconds)
                self._told, self._draw_due = told, last.seconds * (1 + DRAW_SHARE)
            self.buttons.update(paused=paused, opened=self.opened)

    def asking(self, timeline: Timeline, *, asks: bool) -> None:
        """Say that the code waits for an answer; buttons of the front end's own take the place of these."""
        self.box.remove_class("sandbox-asking")
        if asks:
            self.box.add_class("sandbox-asking")
        last = timeline.samples[-1]
        self._line.value = line_html(summary.live(last, self._limits, state=WAITING if asks else "running"))

    def _time_axis(self, course: Timeline) -> Axis:
        """Return the axis of time; the limit moves along with the pauses, which do not count."""
        limit, paused_seconds = self._limits.wall_seconds, sum(mark.paused_seconds for mark in course.marks)
        return live_time_axis(course.samples[-1].seconds, None if limit is None else limit + paused_seconds)

    def _draw(self, course: Timeline, last: Sample, time: Axis) -> None:
        samples = course.samples
        self._cpu.update(
            time,
            cpu_axis(course.peak("cpu_percent")),
            (
                [(sample.seconds, sample.cpu_percent) for sample in samples],
                "CPU unknown" if last.cpu_percent is None else f"{last.cpu_percent:.0f} % CPU",
            ),
        )
        self._memory.update(
            time,
            memory_axis(course.peak("memory_bytes"), self._limits.memory_bytes),
            (
                [(sample.seconds, sample.memory_bytes) for sample in samples],
                "memory unknown" if last.memory_bytes is None else size(last.memory_bytes),
            ),
        )
        self._marks.value = marks_html(course.marks, time.end, LINES_HEIGHT)
        if last.seconds >= self._hover_due:
            self._hover_due = last.seconds + HOVER_EVERY_SECONDS
            self._hover.value = hover_html(samples, time.end) + told_html(samples, course.marks, self._limits)

    def _draw_details(self, timeline: Timeline, time: Axis, park_seconds: float | None) -> None:
        """Move the details while they are open, place or remove them."""
        details = self._details if self.opened else None
        children = self._closed if details is None else (*self._closed, details.box)
        if details is not None:
            details.update(timeline, time, park_seconds)
        if self.box.children != children:
            self.box.children = children

    def toggle(self) -> None:
        """Open or close the details, here at the next update, and in the dashboards to come."""
        type(self).opened = not self.opened

    def close(self) -> None:
        """Close every widget, including those that bqplot and ipywidgets made for them."""
        for widget in {id(each): each for made in self._made for each in _within(made)}.values():
            widget.close()
        self._made = []

    def _build(self, pressed: Callable[[str], None], *, controlled: bool) -> None:
        with importing():
            import bqplot
            import ipywidgets
        style = self._make(ipywidgets.HTML, value=STYLE, _dom_classes=("sandbox-style",))
        self._line = self._make(ipywidgets.HTML, _dom_classes=("sandbox-words",))
        self.buttons: Buttons = Buttons(self._make, pressed, controlled=controlled)
        head = self._make(ipywidgets.HBox, children=(self._line, self.buttons.box), _dom_classes=("sandbox-head",))
        self._across = self._make(bqplot.LinearScale, min=0.0, max=1.0, allow_padding=False)
        limit = f"memory, limit {limit_size(self._limits.memory_bytes)}"
        cpu = Look(name="cpu", curves=("cpu",), height=52, top=8, bottom=4)
        memory = Look(name="memory", curves=("memory",), height=90, top=18, bottom=22, limit=limit, timed=True)
        self._cpu, self._memory = (Chart(self._make, self._across, look, self._scale) for look in (cpu, memory))
        self._marks = self._make(ipywidgets.HTML, _dom_classes=("sandbox-over", "sandbox-below"))
        self._hover = self._make(ipywidgets.HTML, _dom_classes=("sandbox-over",))
        self._closed = (style, head, self._cpu.figure, self._memory.figure, self._marks, self._hover)
        self.box = self._make(ipywidgets.VBox, children=self._closed, _dom_classes=self._classes)

    def _make(self, kind: Any, **traits: Any) -> Any:
        widget = kind(**traits)
        self._made.append(widget)
        return widget


def line_html(line: summary.Line) -> str:
    """Write the line of words for the widget, each figure an element, so that it wraps between them."""
    figures = "".join(f' <span class="sandbox-figure">{escape(figure)}</span>' for figure in line.figures)
    return (
        f'<div class="sandbox-line" title="{escape(str(line))}"><span class="sandbox-mark {line.icon}"></span>'
        f'<div class="sandbox-wrap"><span class="sandbox-state">{escape(line.state)}</span>{figures}</div></div>'
    )


def _within(widget: Any, seen: set[int] | None = None) -> Iterator[Any]:
    """Yield a widget and those it holds: its layout, its style, its scales, its toolbar."""
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
