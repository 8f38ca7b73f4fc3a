"""A result as text that a model reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox_magic.model.result import Result

_MOST = 20_000  # characters of each part


def text(result: Result) -> str:
    """Return how it ended, in our words, then what the code wrote and showed."""
    shown = "\n".join(display.text for display in result.displays if display.image is None)
    parts = {"stdout": result.stdout, "stderr": result.stderr, "shown": shown}
    ours = "\n".join([f"{result.outcome.value}: {result.summary}", *result.notes])
    return "\n".join([ours, *(f"{name}:\n{_short(part)}" for name, part in parts.items() if part)])


def last_value(result: Result) -> str | None:
    """Return the value of the last expression, as text; None if it had none."""
    return next((display.text for display in reversed(result.displays) if display.kind == "result"), None)


def _short(part: str) -> str:
    left = len(part) - _MOST
    return part if left <= 0 else f"{part[: _MOST // 2]}\n[{left} characters are left out]\n{part[-_MOST // 2 :]}"
