"""Rows of a batch as a table of a page. Names, notes and reasons may be a stranger's: everything is escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox_magic.model.units import seconds, size
from sandbox_magic.picture import card
from sandbox_magic.terminal import sparkline
from sandbox_magic.untrusted.text import label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox_magic.batch.graded import Graded

MOST_ROWS = 200
MOST_NOTE = 2000  # characters
_CURVE = 12  # characters
_HEAD = ("", "outcome", "score", "real time", "peak memory", "CPU and memory over time", "")


def html(rows: Sequence[Graded], about: str) -> str:
    """Return the table.

    Args:
        rows: The rows, the most important first.
        about: A line above it.
    """
    lines = [cells(row) for row in rows[:MOST_ROWS]]
    left = len(rows) - len(lines)
    more = card.table([[f"and {left:,} more; .to_frame() has all"]]) if left > 0 else ""
    head = card.table([[about]])
    return f'{card.STYLE}<div class="sandbox-result">{head}{card.table(lines, _HEAD)}{more}</div>'


def cells(row: Graded) -> tuple[str, ...]:
    """Return the texts of a row: its name, how it ended, its score, what it cost, and why there is no score."""
    note = label(row.why or (row.score.note if row.score else ""), 200)
    score = "" if row.score is None else str(row.score)
    title = label(row.title, 80)
    if row.result is None:
        return title, "not run", score, "", "", "", note
    usage = row.result.usage
    memory = "" if usage.peak_memory_bytes is None else size(usage.peak_memory_bytes)
    curves = " ".join(sparkline.pair(row.result.timeline, row.result.limits.memory_bytes, _CURVE))
    return title, row.result.ending, score, seconds(usage.wall_seconds), memory, curves, note
