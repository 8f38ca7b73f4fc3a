"""Rows of a batch as a table of a page. Names, notes and reasons may be a stranger's: everything is escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from sandbox_magic.model.units import seconds, size
from sandbox_magic.picture import card
from sandbox_magic.terminal import sparkline
from sandbox_magic.untrusted.text import label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox_magic.batch.graded import Graded

MOST_ROWS = 200
_CURVE = 12  # characters
_HEAD = ("", "outcome", "score", "real time", "peak memory", "CPU and memory over time", "")
STYLE = f"""{card.STYLE}<style>
.sandbox-result.sandbox-result .rows thead th{{white-space:nowrap}}
.sandbox-result.sandbox-result .rows tbody th{{white-space:normal;overflow-wrap:anywhere;min-width:12em}}
.sandbox-result.sandbox-result .rows td:nth-child(2){{white-space:normal;overflow-wrap:anywhere;min-width:14em}}
.sandbox-result.sandbox-result .rows td:nth-child(6){{font-family:ui-monospace,'DejaVu Sans Mono',monospace}}
.sandbox-result.sandbox-result .rows td:last-child{{white-space:normal;overflow-wrap:anywhere;min-width:16em}}
</style>"""
"""The curves' characters are equally wide. What a stranger chose, and what is said of a row, may have several lines:
one long name would push all that stands behind it out of the page, in every row."""


def html(rows: Sequence[Graded], about: str) -> str:
    """Return the table.

    Args:
        rows: The rows, the most important first.
        about: A line above it.
    """
    lines = [cells(row) for row in rows[:MOST_ROWS]]
    left = len(rows) - len(lines)
    more = card.table([[f"and {left:,} more; .to_frame() has all"]]) if left > 0 else ""
    return f'{STYLE}<div class="sandbox-result"><p>{escape(about)}</p>{listed(lines)}{more}</div>'


def listed(lines: Sequence[Sequence[str]]) -> str:
    """Return the table of these texts, as `cells` returns them."""
    return card.table(lines, _HEAD, kind="figures rows")


def cells(row: Graded) -> tuple[str, ...]:
    """Return the texts of a row: its name, how it ended, its score, what it cost, and why there is no score."""
    note = label(row.why or (row.score.note if row.score else ""), 200)
    score = "" if row.score is None else str(row.score)
    if row.result is None:
        return row.shown, row.ending, score, "", "", "", note
    usage = row.result.usage
    memory = "" if usage.peak_memory_bytes is None else size(usage.peak_memory_bytes)
    curves = " ".join(sparkline.pair(row.result.timeline, row.result.limits.memory_bytes, _CURVE))
    return row.shown, row.ending, score, seconds(usage.wall_seconds), memory, curves, note
