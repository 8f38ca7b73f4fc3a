"""``score(...)``: what a grader's checker finds in its builtins, and where its calls are kept until it has ended."""

from __future__ import annotations

import builtins
import math

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Any

SCORES = "score"
"""The name under which they go out, as a variable: so those of a checker that did not complete never do."""
MOST_CALLS = 10_000
MOST_NOTE = 2000  # characters


class Usage(dict[str, object]):
    """What the submission cost, by name or as attributes."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise AttributeError(name)


class Scores:
    """The calls of ``score``."""

    def __init__(self) -> None:
        self._calls: list[list[object]] = []
        builtins.__dict__[SCORES] = self.score

    def score(self, points: float, of: float | None = None, note: object = "") -> None:
        """Give points, of so many that there are to get, with a word about them; several calls add up."""
        given: list[object] = [
            _number(points, "points"),
            None if of is None else _number(of, "of"),
            str(note)[:MOST_NOTE],
        ]
        if len(self._calls) >= MOST_CALLS:
            raise ValueError("score() was called more than %d times" % MOST_CALLS)
        self._calls.append(given)

    def bring(self, namespace: dict[str, Any]) -> None:
        """Make what came in as a dict readable as attributes too."""
        namespace["usage"] = Usage(namespace.get("usage") or {})

    def with_calls(self, namespace: dict[str, Any]) -> dict[str, Any]:
        """Return what goes out."""
        return {**namespace, SCORES: self._calls}


def _number(value: object, what: str) -> float:
    number = float(value)  # type: ignore[arg-type] # whatever a checker gives: NumPy's too
    if not math.isfinite(number):
        raise ValueError("%s is %r, which is no number of points" % (what, value))
    return number
