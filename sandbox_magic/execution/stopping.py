"""Ends runs that are driven on other threads: each comes to its end as after Ctrl-C, and has a result."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sandbox_magic.model.errors import SandboxError, StoppedEarly

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox_magic.execution.run import Run
    from sandbox_magic.model.events import Event
    from sandbox_magic.model.result import Result


class NotStarted(SandboxError):  # noqa: N818 - reads as what it says, as the other kinds do
    """The run was stopped before it had started."""


def _ignore(event: Event) -> None:
    """Take an event that nobody wants."""


class Stopper:
    """Drives runs, each on the thread that asks for it, until it is told to stop them."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._lock = threading.Lock()
        self._runs: set[Run] = set()

    @property
    def asked(self) -> bool:
        """Whether it was told to stop."""
        return self._asked.is_set()

    def stop(self) -> None:
        """Interrupt every run that is driven, and let none start from now on."""
        with self._lock:
            self._asked.set()
            runs = list(self._runs)
        for run in runs:
            run.interrupt()

    def drive(self, run: Run, take: Callable[[Event], object] = _ignore) -> Result:
        """Run the code to its end, hand over each event, and return the result.

        Raises:
            NotStarted: It was to be stopped before.
            SandboxUnavailable: No sandbox could be started, so nothing was run.
            PolicyError: It can't be run with this policy.
        """
        with self._lock:
            if self.asked:
                raise NotStarted("the run was stopped before it had started")
            self._runs.add(run)
        try:
            with run:
                for event in run:
                    if self.asked and not run.interrupted:  # while its sandbox started there was nothing to interrupt
                        run.interrupt()
                    take(event)
                return run.result
        except StoppedEarly as error:  # while its packages were fetched
            raise NotStarted("the run was stopped before it had started") from error
        finally:
            with self._lock:
                self._runs.discard(run)
