"""The clock of one run: it starts at "go" and stands still while the run is paused."""

from __future__ import annotations

import time


class Clock:
    """Counts the seconds for which a run has run.

    Attributes:
        paused_seconds: Real time of the pauses that are over.
        forgiven_seconds: Real time that does not count, because a question was on screen.
    """

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._paused_at: float | None = None
        self.paused_seconds = self.forgiven_seconds = 0.0

    @property
    def began(self) -> float:
        """The moment of `time.monotonic` at which it would have started, had there been no pause."""
        return self._began

    @property
    def paused(self) -> bool:
        """Whether it stands still."""
        return self._paused_at is not None

    @property
    def pause_seconds(self) -> float:
        """Real time of the present pause; 0 if there is none."""
        return 0.0 if self._paused_at is None else time.monotonic() - self._paused_at

    def seconds(self) -> float:
        """Give the seconds so far."""
        return (self._paused_at or time.monotonic()) - self._began

    def forgive(self, seconds: float) -> None:
        """Count so much less."""
        self._began += seconds
        self.forgiven_seconds += seconds

    def pause(self) -> None:
        """Stand still."""
        self._paused_at = time.monotonic()

    def resume(self) -> float:
        """Go on; give how long it stood still."""
        gone = self.pause_seconds
        self._paused_at = None
        self._began += gone
        self.paused_seconds += gone
        return gone
