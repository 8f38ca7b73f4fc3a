"""A batch as one page: each submission's outcome, score, output and picture. No script in it, nothing that it fetches.

Everything of a submission is text that is escaped, or a picture of ours as a ``data:`` address.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from sandbox_magic.batch import table
from sandbox_magic.picture import card
from sandbox_magic.picture.drawing import page

if TYPE_CHECKING:
    from sandbox_magic.batch.graded import Graded

_OPEN = 0.999_999  # of the points: who has all of them need not be looked at


class Report:
    """A page that grows with the batch; of each result only what is shown is kept.

    Args:
        title: Its title.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._rows: list[tuple[tuple[int, float, str, int], tuple[str, ...], str]] = []

    def add(self, row: Graded) -> None:
        """Add a row."""
        self._rows.append((row.rank, table.cells(row), _details(row)))

    def html(self, about: str) -> bytes:
        """Return the page, the worst first.

        Args:
            about: A line below the title.
        """
        rows = sorted(self._rows, key=lambda row: row[0])
        head = f"<h1>{escape(self._title)}</h1><p>{escape(about)}</p>"
        inside = table.listed([cells for _, cells, _ in rows]) + "".join(details for *_, details in rows)
        return page(f'{head}{table.STYLE}<div class="sandbox-result">{inside}</div>', self._title)


def _details(row: Graded) -> str:
    title, how, score, *_, note = table.cells(row)
    about = ", ".join(filter(None, (how, score, note)))
    share = None if row.score is None else row.score.share
    opened = " open" * (not row.ok or (share is not None and share < _OPEN))
    return (
        f"<details{opened}><summary>{escape(title)} <small>{escape(about)}</small></summary>"
        f"{row.html().removeprefix(card.STYLE)}</details>"
    )
