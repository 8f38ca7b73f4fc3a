"""What earlier sandboxed cells of this notebook have set or defined, for a hint: each cell starts afresh."""

from __future__ import annotations

import re
from collections import deque
from typing import Literal

_MOST_CELLS = 100
_MOST_CHARACTERS = 50_000  # of a cell
_LONGEST_LINE = 500
_DEFINES = re.compile(r"(?:async )?(?:def|class) (\w+)")
_WORDS = re.compile(r"\w+")


class EarlierCells:
    """The names at the left of the lines of cells that have completed.

    The code is looked at line by line and never parsed: it is untrusted, and only a hint is made from it.
    """

    def __init__(self) -> None:
        self._cells: deque[str] = deque(maxlen=_MOST_CELLS)

    def add(self, cell: str) -> None:
        """Remember a cell."""
        self._cells.append(cell[:_MOST_CHARACTERS])

    def known(self, name: str) -> Literal["", "earlier value", "earlier code"]:
        """Return what the last of them that has it at the left of a line made of a name."""
        for cell in reversed(self._cells):
            for line in reversed(cell.splitlines()):
                if found := _of_line(line[:_LONGEST_LINE], name):
                    return found
        return ""


def _of_line(line: str, name: str) -> Literal["", "earlier value", "earlier code"]:
    defines = _DEFINES.match(line)
    if defines:
        return "earlier code" if defines[1] == name else ""
    if line.startswith(("import ", "from ")):
        return "earlier code" if name in _WORDS.findall(line) else ""
    left, sign, right = line.partition("=")
    names, _, _ = left.partition(":")
    sets = bool(sign) and not right.startswith("=") and not set(names) & set("([.'\"#<>!")
    return "earlier value" if sets and name in _WORDS.findall(names) else ""
