"""The cells that this kernel has run, as a front end asks for them: its own only, the latest thousand."""

from __future__ import annotations

from collections import deque
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_SESSION = 1
_MOST_CELLS = 1000
_MOST_CHARACTERS = 100_000  # of a cell, or of its value

Entry = tuple[int, str, str | None]


class History:
    """Keeps them."""

    def __init__(self) -> None:
        self._cells: deque[Entry] = deque(maxlen=_MOST_CELLS)

    def add(self, number: int, source: str, value: str | None) -> None:
        """Take a cell.

        Args:
            number: Its execution count.
            source: Its code.
            value: The plain text of its value; None without one.
        """
        kept = None if value is None else value[:_MOST_CHARACTERS]
        self._cells.append((number, source[:_MOST_CHARACTERS], kept))

    def tail(self, count: int | None) -> list[Entry]:
        """Return the latest cells."""
        cells = list(self._cells)
        return cells[max(0, len(cells) - count) :] if count is not None else cells

    def between(self, session: int, start: int, stop: int | None) -> list[Entry]:
        """Return the cells from a number up to, without, another; sessions other than this one (0) have none."""
        if session not in (0, _SESSION):
            return []
        return [cell for cell in self._cells if start <= cell[0] and (stop is None or cell[0] < stop)]

    def search(self, pattern: str, count: int | None, *, unique: bool) -> list[Entry]:
        """Return the latest cells whose code matches a pattern of ``*`` and ``?``."""
        found: list[Entry] = [cell for cell in self._cells if fnmatchcase(cell[1], pattern)]
        if unique:
            found = list({cell[1]: cell for cell in found}.values())
        return found[max(0, len(found) - count) :] if count is not None else found


def written(cells: Iterable[Entry], *, output: bool) -> list[tuple[int, int, object]]:
    """Return cells as a ``history_reply`` has them: with ``output`` each code stands in a pair with its value."""
    return [(_SESSION, number, (source, value) if output else source) for number, source, value in cells]
