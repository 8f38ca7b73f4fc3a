"""When the host itself ends a run that its PID 1 has not ended, and why."""

from __future__ import annotations

import time

STOP_SECONDS = 0.4  # PID 1 has this long to end a run before the host kills it, and a sandbox to end behind its code
DYING_SECONDS = 0.03  # for the last processes of a run that was killed; what takes longer dies behind the result


class Deadline:
    """The moment, on the clock of `time.monotonic`, and the cause.

    Attributes:
        due: The moment; None if there is none.
        cause: Why the run is being ended, a key of `sandbox_magic.execution.verdict.CAUSES`; empty while it is not.
    """

    def __init__(self) -> None:
        self.due: float | None = None
        self.cause = ""

    def begin(self, began: float, wall_seconds: float | None) -> None:
        """Start with the wall limit."""
        self.due = None if wall_seconds is None else began + wall_seconds + STOP_SECONDS

    def move(self, seconds: float) -> None:
        """Let it come later."""
        if self.due is not None:
            self.due += seconds

    def expect(self, cause: str) -> None:
        """PID 1 has been told to end the run, for a cause; the first one counts."""
        self.cause = self.cause or cause
        due = time.monotonic() + STOP_SECONDS
        self.due = due if self.due is None else min(due, self.due)

    def extend(self, seconds: float) -> None:
        """Let it come so long from now: the code has ended, and PID 1 has something else to do."""
        self.due = time.monotonic() + seconds

    @property
    def passed(self) -> bool:
        """Whether it is time to kill."""
        return self.due is not None and time.monotonic() >= self.due

    @property
    def limit_passed(self) -> bool:
        """Whether PID 1 should be ending the run by now."""
        return self.due is not None and time.monotonic() >= self.due - STOP_SECONDS

    def ended(self, seconds_ago: float) -> None:
        """The code has ended; from then on its result is due, whether a limit is near or not."""
        due = time.monotonic() - max(0.0, seconds_ago) + STOP_SECONDS
        self.due = due if self.due is None else min(due, self.due)

    def teardown_seconds(self) -> float:
        """Return how long to wait for the sandbox's end: the result is half a second late at most."""
        return DYING_SECONDS + max(0.0, (self.due or 0.0) - time.monotonic())
