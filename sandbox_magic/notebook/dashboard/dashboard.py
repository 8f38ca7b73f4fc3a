"""The live dashboard of one run in a notebook: when it opens, moves, and becomes a picture."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from sandbox_magic.model import summary
from sandbox_magic.model.timeline import Recorder
from sandbox_magic.picture import card

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox_magic.model.policy import Policy
    from sandbox_magic.model.result import Result
    from sandbox_magic.model.timeline import Mark, Sample, Timeline
    from sandbox_magic.notebook.dashboard.buttons import Controls
    from sandbox_magic.notebook.dashboard.panels import Panels

OPEN_AFTER_SECONDS = 0.25  # a shorter run costs no widget
PUSH_EVERY_SECONDS = 0.2

_log = logging.getLogger(__name__)


@cache
def _loader() -> threading.Thread:
    """Start to import the widgets, once in a process, beside the loop of the run.

    In the loop itself it would hold up the code's output and the samples, and an interrupt that fell
    into the import of numpy or pandas would leave them broken for the whole kernel.
    """
    thread = threading.Thread(target=_load, name="sandbox-magic-widgets", daemon=True)
    thread.start()
    return thread


def _load() -> None:
    from sandbox_magic.notebook.dashboard.panels import load

    with suppress(Exception):  # `Panels` imports again where an error can be told
        load()


class Dashboard:
    """Shows one run: a live widget while it goes on, in its place a picture when it is over.

    Nothing here fails a run: trouble with the front end is logged, and the run goes on without
    its live picture. Its time is the run's own clock, which is stopped while the run is paused.

    Args:
        policy: The run's policy, for its limits.
        run: The run, for the buttons; without it there are none that stop or pause.
    """

    def __init__(self, policy: Policy, run: Controls | None = None) -> None:
        self._limits = policy.limits
        self._run = run
        self._made = time.monotonic()
        self._park_seconds: float | None = None
        self._recorder = Recorder()
        self._panels: Panels | None = None
        self._moving = threading.RLock()  # widgets are moved by the loop, and by a press on another thread
        self._display_id = f"sandbox-{uuid.uuid4()}"
        self._shown = False
        self._bundle: dict[str, object] = {}
        self._over = False
        self._still = False
        self._next_push = 0.0
        self._paused_at: float | None = None  # on our clock; the run's stands still

    def begin(self) -> None:
        """Take the place above the code's output; empty, for a short run needs no widget."""
        with self._tolerant():
            self._publish({"text/plain": ""})

    def add(self, sample: Sample) -> None:
        """Take the next sample; open the widget or move it if that is due."""
        if self._park_seconds is None:
            self._park_seconds = max(0.0, time.monotonic() - sample.seconds - self._made)
        if self._paused_at is None:
            self._recorder.add(sample)
        if self._still or sample.seconds < OPEN_AFTER_SECONDS or time.monotonic() < self._next_push:
            return
        if self._panels is None and _loader().is_alive():
            return
        with self._tolerant(), self._moving:
            self._move()
        self._next_push = time.monotonic() + PUSH_EVERY_SECONDS

    def mark(self, mark: Mark) -> None:
        """Take something that happened; it is drawn with the next sample."""
        self._recorder.mark(mark)
        if not mark.own:
            self._next_push = 0.0
        if not mark.own and mark.label in ("paused", "resumed"):
            self._paused_at = time.monotonic() if mark.label == "paused" else None

    def finish(self, result: Result) -> None:
        """Put the static picture and the notes in the widget's place, or show them if there is no widget."""
        plain = "\n".join([str(summary.ended(result)), *result.notes])
        self._end({"text/html": card.noted(result), "text/plain": plain})

    def show_again(self) -> None:
        """Take a place once more, as it is, where the code's output above which it was has been cleared with it."""
        with self._tolerant(), self._moving:
            if self._shown and not self._over:
                self._shown = False
                self._publish(self._bundle)

    def close(self) -> None:
        """Take the widget away without a result, for a run that failed in our hands; else do nothing."""
        self._over = self._over or self._panels is None  # the empty place may stay empty
        self._end({"text/plain": "the sandbox was closed before it had a result"})

    def _move(self) -> None:
        timeline = self._recorder.timeline()
        if not timeline.samples:
            return
        if self._panels is not None:
            self._update(self._panels, timeline)
            return
        from sandbox_magic.notebook.dashboard.panels import Panels

        self._panels = Panels(self._limits, self._pressed, controlled=self._run is not None)
        self._update(self._panels, timeline)
        line = summary.live(timeline.samples[-1], self._limits)
        self._publish({**self._panels.box._repr_mimebundle_(), "text/plain": str(line)})

    def _update(self, panels: Panels, timeline: Timeline) -> None:
        panels.update(
            timeline,
            paused=self._run is not None and self._run.paused,
            held_seconds=None if self._paused_at is None else time.monotonic() - self._paused_at,
            park_seconds=self._park_seconds,
        )

    def _pressed(self, name: str) -> None:
        """Do what a button says; on the thread on which the kernel reads presses while the cell runs."""
        run = self._run
        with self._tolerant(), self._moving:
            if self._panels is None:  # the run has just ended
                return
            if name == "details":
                self._panels.toggle()
            elif run is not None and name == "stop":
                run.interrupt()
                self._panels.buttons.ending()
            elif run is not None:
                (run.resume if run.paused else run.pause)()
            if not self._still:
                self._update(self._panels, self._recorder.timeline())

    def _end(self, bundle: dict[str, object]) -> None:
        """Show the last thing once, then close what is open, in this order: nothing flickers."""
        self._still = True  # no sample moves it from here on
        try:
            if not self._over:
                self._over = True
                with self._tolerant():
                    self._publish(bundle)
        finally:
            self._close_panels()

    def _publish(self, bundle: dict[str, object]) -> None:
        from IPython.display import display, update_display

        self._bundle = bundle
        show: Any = update_display if self._shown else display
        show(bundle, raw=True, display_id=self._display_id)
        self._shown = True

    def _close_panels(self) -> None:
        with self._tolerant(), self._moving:
            panels, self._panels = self._panels, None
            if panels is not None:
                panels.close()

    @contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever the front end's trouble is, it is not the run's
            self._still = True
            _log.warning("the live picture of a sandbox failed: %s: %s", type(error).__name__, error)
            _log.debug("the trouble with the live picture", exc_info=True)
