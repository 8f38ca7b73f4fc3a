"""Messages at a rate that servers pass on: Jupyter's drops what is more than a thousand a second, and says so."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 300
"""Messages that go out as they come, in each second."""
EVERY_SECONDS = 0.1


class Pace:
    """Sends messages; the beginning of a line waits a moment for the rest of it, and so does what comes too fast.

    A client that saves a notebook keeps an output for each message, and ``print`` writes a line in two pieces. Above
    the rate text is joined and of updates the latest is kept: what the two streams have written by turns is in order
    within each of them only.

    Args:
        publish: Sends a message.
        clock: Tells the time.
    """

    def __init__(
        self, publish: Callable[[str, dict[str, Any]], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._publish = publish
        self._clock = clock
        self._held: dict[tuple[str, str], dict[str, Any]] = {}
        self._held_since = 0.0
        self._count = 0
        self._second = clock()

    def __call__(self, kind: str, content: dict[str, Any]) -> None:
        """Send a message, at once or a moment later."""
        if self._clock() - self._second >= 1:
            self._second, self._count = self._clock(), 0
        self._count += 1
        fast = self._count > MOST
        if kind == "stream":
            self._write(content, fast=fast)
        elif kind == "update_display_data" and fast:
            self._hold((kind, content["transient"]["display_id"]), content)
        else:
            self.flush()
            self._publish(kind, content)

    def _write(self, content: dict[str, Any], *, fast: bool) -> None:
        key = ("stream", content["name"])
        if not fast and self._held and key not in self._held:
            self.flush()
        before = self._held.get(key, {"text": ""})
        whole = {**content, "text": before["text"] + content["text"]}
        self._hold(key, whole)
        if not fast and whole["text"].endswith("\n"):
            self.flush()

    def _hold(self, key: tuple[str, str], content: dict[str, Any]) -> None:
        if not self._held:
            self._held_since = self._clock()
        self._held.pop(key, None)
        self._held[key] = content
        self.go_on()

    def go_on(self) -> None:
        """Send what is held, if it is time to."""
        if self._held and self._clock() - self._held_since >= EVERY_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Send what is held."""
        held, self._held = self._held, {}
        for (kind, _), content in held.items():
            self._publish(kind, content)
