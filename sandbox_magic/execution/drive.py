"""From a run's events to whatever shows them: a notebook, a terminal, a kernel."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sandbox_magic.model.closing import Closing
from sandbox_magic.model.events import Ended
from sandbox_magic.model.output import Cleared, Display, InputRequest, Text
from sandbox_magic.model.timeline import Mark, Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from sandbox_magic.execution.run import Run
    from sandbox_magic.model.result import Result

_AGAIN_SECONDS = 2.0  # after an interrupt, which ends a run within half a second


class View(Closing):
    """Shows a run. This one shows nothing; a front end overrides what it can show."""

    def begin(self) -> None:
        """Reserve a place above the code's output, while the sandbox starts."""

    def write(self, event: Text) -> None:
        """Write the code's text."""

    def display(self, event: Display) -> None:
        """Show what the code showed, in place of what it showed under the same name before."""

    def clear(self, event: Cleared) -> None:
        """Clear what the code has shown, where that can be done without clearing anything else."""

    def ask(self, request: InputRequest) -> str | None:  # noqa: ARG002 - for those that ask somebody
        """Return what the person answers; None if nobody can be asked.

        Raises:
            KeyboardInterrupt: The person stopped it, or the run is over.
        """
        return None

    def add(self, sample: Sample) -> None:
        """Take a sample of the running code."""

    def mark(self, mark: Mark) -> None:
        """Take something that happened while it ran."""

    def finish(self, result: Result) -> None:
        """Show how it ended."""

    def close(self) -> None:
        """Remove what is shown of a run that did not end; after `finish` there is nothing to remove."""


def drive(run: Run, view: View) -> Result:
    """Run the code to its end, show each event, and return the result.

    Raises:
        SandboxUnavailable: No sandbox could be started, so nothing was run.
        PolicyError: It can't be run with this policy.
        KeyboardInterrupt: As for `interrupting`.
    """
    run.while_starting(view.begin)
    with run, view, interrupting(run):
        for event in run:
            match event:
                case Text():
                    view.write(event)
                case Display():
                    view.display(event)
                case Cleared():
                    view.clear(event)
                case InputRequest():
                    answer(run, event, view.ask)
                case Sample():
                    view.add(event)
                case Mark():
                    view.mark(event)
                case Ended():
                    view.finish(event.result)
        return run.result


def answer(run: Run, request: InputRequest, ask: Callable[[InputRequest], str | None]) -> None:
    """Answer a question that the code asks; stopping instead of answering ends the run.

    Args:
        run: The run.
        request: The event that it yielded.
        ask: Returns what the person types, None for the end of input; raises KeyboardInterrupt if stopped.
    """
    try:
        run.answer(ask(request))
    except KeyboardInterrupt:
        run.interrupt()  # nothing happens if it raised because the run is over
        run.answer(None)


@contextmanager
def interrupting(run: Run) -> Iterator[None]:
    """While the block runs, Ctrl-C interrupts the run instead of raising, and pressed again at once changes nothing.

    So it can't fall between an event and what is done with it. Pressed when two seconds have not brought
    the end, it raises. While the code asks a question it does raise, and so does the end of
    the run: whoever waits for the answer must stop. Where no handler can be set (on another thread than
    the main one, which gets no signals either), nothing changes.
    """
    before = signal.getsignal(signal.SIGINT)
    over = threading.Event()
    pressed: list[float] = []  # when it was interrupted

    def wake() -> None:
        over.set()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def handle(number: int, frame: FrameType | None) -> None:
        if run.asking:
            raise KeyboardInterrupt
        if over.is_set():  # the answer came just then
            over.clear()
        elif run.started and not run.interrupted:
            pressed.append(time.monotonic())
            run.interrupt()
        elif pressed and time.monotonic() - pressed[0] < _AGAIN_SECONDS:
            pass  # it is ending
        elif callable(before):
            before(number, frame)

    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    signal.signal(signal.SIGINT, handle)
    run.when_over = wake
    try:
        yield
    finally:
        run.when_over = lambda: None
        signal.signal(signal.SIGINT, before)
