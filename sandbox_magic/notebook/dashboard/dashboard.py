"""The live dashboard of one run in a notebook: when it opens, moves, and becomes a picture."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from sandbox_magic.model import summary
from sandbox_magic.model.timeline import Recorder
from sandbox_magic.notebook.dashboard import places
from sandbox_magic.picture import card, course

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox_magic.model.policy import Policy
    from sandbox_magic.model.result import Result
    from sandbox_magic.model.timeline import Mark, Sample, Timeline
    from sandbox_magic.notebook.dashboard.buttons import Controls
    from sandbox_magic.notebook.dashboard.panels import Panels

OPEN_AFTER_SECONDS = 0.25  # a shorter run costs no widget
PUSH_EVERY_SECONDS = 0.2
STILL_FROM_SECONDS = 1.0  # then there is a static picture too, for whoever opens the notebook without this kernel
_STILL_SHARE = 0.4  # of the run's time so far: how old it may be, and two seconds; a browser keeps each for a while

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
        large: Whether it is to be read from afar.
    """

    def __init__(self, policy: Policy, run: Controls | None = None, *, large: bool = False) -> None:
        self._limits = policy.limits
        self._run = run
        self._large = large
        self._unanswered = False
        self._made = time.monotonic()
        self._park_seconds: float | None = None
        self._recorder = Recorder()
        self._panels: Panels | None = None
        self._moving = threading.RLock()  # widgets are moved by the loop, and by a press on another thread
        self._places = places.Places()
        self._still_due = STILL_FROM_SECONDS
        self._picture = ""  # the static one
        self._over = False
        self._still = False
        self._next_push = 0.0
        self._paused_at: float | None = None  # on our clock; the run's stands still

    def begin(self) -> None:
        """Take the places above the code's output; empty, for a short run needs no widget."""
        with self._tolerant():
            for place in ("picture", "live"):
                self._places.show(place, {"text/plain": ""})

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
            if sample.seconds >= self._still_due:
                self._still_due = sample.seconds * (1 + _STILL_SHARE) + 2
                self._draw_still(asks=False)
        self._next_push = time.monotonic() + PUSH_EVERY_SECONDS

    def mark(self, mark: Mark) -> None:
        """Take something that happened; it is drawn with the next sample."""
        self._recorder.mark(mark)
        if not mark.own:
            self._next_push = 0.0
        if not mark.own and mark.label in ("paused", "resumed"):
            self._paused_at = time.monotonic() if mark.label == "paused" else None

    def asking(self, *, asks: bool, unanswered: bool = False) -> None:
        """Say that the code waits for an answer, or that it does no longer.

        Args:
            asks: Whether it does.
            unanswered: Whether the person stopped it instead.
        """
        self._unanswered = unanswered
        with self._tolerant(), self._moving:
            if self._panels is not None:
                self._panels.asking(self._recorder.timeline(), asks=asks)
            self._draw_still(asks=asks)

    def finish(self, result: Result) -> None:
        """Put the static picture and the notes in the widget's place, or show them if there is no widget."""
        plain = "\n".join([str(summary.ended(result)), *result.notes])
        self._end(
            {"text/html": card.noted(result, large=self._large, unanswered=self._unanswered), "text/plain": plain},
            card.folded(result),
        )

    def show_again(self) -> None:
        """Take the places once more, as they are, where the code's output below them has been cleared with them."""
        with self._tolerant(), self._moving:
            if not self._over:
                self._places.show_again()

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

        self._panels = Panels(self._limits, self._pressed, controlled=self._run is not None, large=self._large)
        self._update(self._panels, timeline)
        self._places.show("live", {**self._panels.box._repr_mimebundle_(), "text/plain": ""})

    def _draw_still(self, *, asks: bool) -> None:
        timeline = self._recorder.timeline()
        if timeline.samples and not asks:
            line = summary.still(timeline.samples[-1], self._limits, time.strftime("%H:%M:%S"))
            timeline = replace(timeline, memory_limit_bytes=self._limits.memory_bytes)
            self._picture = course.in_words(timeline, line).html()
        plain = "" if asks else "running when this was saved"
        self._places.show("picture", {"text/html": places.meanwhile(self._picture, asks=asks), "text/plain": plain})

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

    def _end(self, bundle: dict[str, object], details: str = "") -> None:
        """Show the last things once, then close what is open, in this order: nothing flickers."""
        self._still = True  # no sample moves it from here on
        try:
            if not self._over:
                self._over = True
                with self._tolerant():
                    below = {"text/html": details} if details else {}
                    self._places.show("live", {**below, "text/plain": ""})
                    self._places.show("picture", bundle)
        finally:
            self._close_panels()

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
