"""The time of one run: how long it has run, when it is due to end, and why.

The clock starts at "go" and is stopped while the run is paused; excluded time (the wait for an answer) does not count.
The deadline moves along with both.
"""

from __future__ import annotations

import time

STOP_SECONDS = 0.3  # PID 1 has this long to end a run, and a sandbox to end behind its code
LAST_SECONDS = 0.1  # and then this long before the host kills it, by the time at which the host itself looks
DYING_SECONDS = 0.03  # for the last processes of a run that was killed; what takes longer dies behind the result


class Timing:
    """A run's clock and deadline, both of `time.monotonic`.

    Args:
        wall_seconds: Its limit; None for no limit.
        patience_seconds: How long PID 1 may take to end the run.

    Attributes:
        paused_seconds: Real time of the pauses that are over.
        excluded_seconds: Real time that does not count, because a question was on screen.
        due: When the host kills the run; None if there is no such moment.
        compiling: Whether the code is still being compiled: its clock has not begun.
        compile_seconds: Real time of that, once it is over; None without a compiler.
        cause: Why the run is being ended, a key of `sandbox_magic.model.outcome.BY_CAUSE`; empty while it is not.
    """

    def __init__(self, wall_seconds: float | None = None, patience_seconds: float = STOP_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self._began = time.monotonic()
        self._paused_at: float | None = None
        self._wall_seconds = wall_seconds
        self.compiling: bool = False
        self.compile_seconds: float | None = None
        self.paused_seconds: float = 0.0
        self.excluded_seconds: float = 0.0
        self.due = None if wall_seconds is None else self._began + wall_seconds + self._patience_seconds
        self.cause: str = ""
        self._waited = False

    def compile(self, most_seconds: float) -> None:
        """The code is compiled first, which may take so long."""
        self.compiling = True
        self.due = self._began + most_seconds + self._patience_seconds

    def begin(self) -> None:
        """The code begins, now that it is compiled."""
        self.compiling = False
        before, self._began = self._began, time.monotonic()
        self.compile_seconds = self._began - before
        if self.paused:
            self._paused_at = self._began
        if not self.cause:
            self.due = None if self._wall_seconds is None else self._began + self._wall_seconds + self._patience_seconds

    def elapsed(self, *, of_compiler: bool = False) -> float:
        """Return the seconds for which it has run; while it is compiled none, or those of the compiler."""
        if self.compiling and not of_compiler:
            return 0.0
        now = time.monotonic() if self._paused_at is None else self._paused_at
        return now - self._began

    @property
    def paused(self) -> bool:
        """Whether the clock is stopped."""
        return self._paused_at is not None

    @property
    def pause_seconds(self) -> float:
        """Real time of the present pause; 0 if there is none."""
        return 0.0 if self._paused_at is None else time.monotonic() - self._paused_at

    def pause(self) -> None:
        """Stop the clock."""
        self._paused_at = time.monotonic()

    def resume(self) -> None:
        """Let the clock go on."""
        gone = self.pause_seconds
        self._paused_at = None
        self.paused_seconds += gone
        self._began += gone
        if self.due is not None:
            self.due += gone

    def exclude(self, seconds: float) -> None:
        """Exclude so much of the time that has passed; the deadline of a run that is being ended stays."""
        self.excluded_seconds += seconds
        self._began += seconds
        if self.due is not None and not self.cause:
            self.due += seconds

    def expect(self, cause: str) -> None:
        """PID 1 has been told to end the run, for a cause; the first one counts."""
        self.cause = self.cause or cause
        self._expect_until(time.monotonic() + self._patience_seconds)

    def ended(self, seconds_ago: float) -> None:
        """The code has ended; from then on its result is due, whether a limit is near or not."""
        self._expect_until(time.monotonic() - max(0.0, seconds_ago) + self._patience_seconds)

    def _expect_until(self, due: float) -> None:
        self.due = due if self.due is None else min(due, self.due)

    def extend(self, seconds: float) -> None:
        """Let the end come so long from now: the code has ended, and PID 1 has something else to do."""
        self.due = time.monotonic() + seconds

    @property
    def passed(self) -> bool:
        """Whether it is time to kill."""
        return self.due is not None and time.monotonic() >= self.due

    def wait_once_more(self) -> bool:
        """Give PID 1 a last moment, for a stalled machine has held it up too; return False if it has had that."""
        first, self._waited = not self._waited, True
        if first:
            self.due = time.monotonic() + LAST_SECONDS
        return first

    @property
    def limit_passed(self) -> bool:
        """Whether PID 1 should be ending the run by now."""
        return self.due is not None and time.monotonic() >= self.due - self._patience_seconds
