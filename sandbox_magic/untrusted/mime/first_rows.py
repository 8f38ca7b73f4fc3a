"""The first rows of a table that is too large for a page: where to cut."""

from __future__ import annotations

import re

MOST_CHARACTERS = 600_000
MOST_TAGS = 40_000  # of rows and cells: what a page still scrolls
_ROW_END = re.compile(r"</tr\s*>", re.IGNORECASE)


def first_rows(source: str) -> tuple[str, int]:
    """Return the HTML up to the end of the last row that fits, and how many rows that are; nothing if none does.

    What is open there is closed by who reads it.
    """
    end = tags = rows = 0
    for match in _ROW_END.finditer(source, 0, MOST_CHARACTERS):
        tags += source.count("<", end, match.end())
        if tags > 2 * MOST_TAGS:
            break
        end, rows = match.end(), rows + 1
    return source[:end], rows
