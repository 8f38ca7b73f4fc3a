"""What `clear_output()` in the code does to a cell's output: a few times a second at most, so that no page drowns."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY_SECONDS = 0.2


class Clearing:
    """Holds what is to be shown after a clearing until that is due; what is cleared before then is never shown.

    Args:
        clear: Clears the output; is told whether something will be shown at once.
    """

    def __init__(self, clear: Callable[[bool], None]) -> None:
        self._clear = clear
        self._held: list[Callable[[], None]] | None = None  # None where no clearing is asked for
        self._at_once = False
        self._due = 0.0

    def ask(self, *, wait: bool) -> None:
        """Take it that the output is to be cleared: with the next output (``wait``), or without waiting for any."""
        self._held = []
        self._at_once = self._at_once or not wait
        self.go_on()

    def show(self, show: Callable[[], None]) -> None:
        """Show something, now or after the clearing."""
        if self._held is None:
            show()
        else:
            self._held.append(show)
            self.go_on()

    def go_on(self, *, last: bool = False) -> None:
        """Clear and show what is held, if that is due; whenever it is held, if nothing will come later."""
        if self._held is None or not (self._held or self._at_once) or not (last or time.monotonic() >= self._due):
            return
        held, self._held, self._at_once = self._held, None, False
        self._due = time.monotonic() + EVERY_SECONDS
        self._clear(bool(held))
        for show in held:
            show()
