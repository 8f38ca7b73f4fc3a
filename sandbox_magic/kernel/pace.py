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
    """Sends messages; above the rate, text and updates are held for a moment, and what belongs together becomes one.

    What the two streams have written by turns is then in order within each of them only.

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
        self._count = 0
        self._second = self._sent = clock()

    def __call__(self, kind: str, content: dict[str, Any]) -> None:
        """Send a message, at once or a moment later."""
        if self._clock() - self._second >= 1:
            self._second, self._count = self._clock(), 0
        self._count += 1
        if self._count > MOST and kind == "stream":
            self._hold((kind, content["name"]), kind, content)
        elif self._count > MOST and kind == "update_display_data":
            self._hold((kind, content["transient"]["display_id"]), kind, content)
        else:
            self.flush()
            self._publish(kind, content)

    def _hold(self, key: tuple[str, str], kind: str, content: dict[str, Any]) -> None:
        before = self._held.pop(key, None)  # an update takes the place of the one before; text is added to it
        text = {"text": before["text"] + content["text"]} if before is not None and kind == "stream" else {}
        self._held[key] = {**content, **text}
        self.go_on()

    def go_on(self) -> None:
        """Send what is held, if it is time to."""
        if self._held and self._clock() - self._sent >= EVERY_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Send what is held."""
        held, self._held = self._held, {}
        self._sent = self._clock()
        for (kind, _), content in held.items():
            self._publish(kind, content)
