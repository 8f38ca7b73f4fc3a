"""The rows of a batch together: listed, chosen among, as a data frame, as a table with the worst first."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, overload

from sandbox_magic.atomic_write import write
from sandbox_magic.batch import journal as _journal
from sandbox_magic.batch import table
from sandbox_magic.batch.graded import Graded
from sandbox_magic.batch.report import Report
from sandbox_magic.model.errors import SandboxError
from sandbox_magic.model.outcome import Outcome

if TYPE_CHECKING:
    from typing import Self

    import pandas as pd


class Results(Sequence[Graded]):
    """Rows of a batch.

    Args:
        rows: The rows; ``Results(run_many(...))`` runs the batch to its end.
    """

    def __init__(self, rows: Iterable[Graded] = ()) -> None:
        self._rows = tuple(rows)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Return the finished rows of a journal, each once; it may be a stranger's, or still be written.

        Raises:
            PolicyError: It is no journal.
            OSError: It can't be read.
        """
        return cls(_journal.read(path))

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, which: int) -> Graded: ...
    @overload
    def __getitem__(self, which: slice) -> Results: ...
    def __getitem__(self, which: int | slice) -> Graded | Results:
        """Return a row, or some."""
        return Results(self._rows[which]) if isinstance(which, slice) else self._rows[which]

    def filter(self, *, outcome: Outcome | str | None = None, name: str | None = None) -> Results:
        """Return the rows with this outcome, and of this name.

        Args:
            outcome: An outcome, or its name: ``WALL_TIME``; None for every one.
            name: A submission's name; None for every one.
        """
        wanted = None if outcome is None else Outcome(str(outcome).upper())
        return Results(
            row for row in self if (wanted is None or row.outcome is wanted) and (name is None or row.name == name)
        )

    def worst_first(self) -> Results:
        """Return them in another order: what could not be run, what was killed, what failed, then by the score."""
        return Results(sorted(self, key=lambda row: row.rank))

    @property
    def counts(self) -> dict[str, int]:
        """How many ended in which way: by the outcome's name, ``not run`` without one."""
        return dict(Counter(row.word for row in self))

    def to_frame(self) -> pd.DataFrame:
        """Return a data frame, a line for each row; needs pandas."""
        import pandas as pd

        return pd.DataFrame([_columns(row) for row in self], columns=list(_columns(Graded(name=""))))

    def save(self, path: str | os.PathLike[str], *, title: str = "Submissions") -> None:
        """Write all of them as one page, the worst first, with the output and the picture of each; no script is in it.

        Args:
            path: A file, whose name ends in ``.html``.
            title: The page's.

        Raises:
            SandboxError: The name ends otherwise.
            OSError: It can't be written.
        """
        ending = os.path.splitext(os.fspath(path))[1].lower()
        if ending not in (".html", ".htm"):
            raise SandboxError("A report is a page.", seen=f"a name that ends in {ending!r}", remedy='"report.html"')
        report = Report(title)
        for row in self:
            report.add(row)
        write(path, report.html(self._about()))

    def _repr_html_(self) -> str:
        """Return what a notebook shows: a table, the worst first; everything in it is escaped."""
        return table.html(self.worst_first(), about=self._about())

    def _about(self) -> str:
        return counted(Counter(self.counts))

    def __repr__(self) -> str:
        """Say how many there are, and how they ended."""
        return f"<Results: {self._about()}>"


def counted(counts: Counter[str]) -> str:
    """Return how many there are of each word: ``3 results: 2 COMPLETED, 1 FAILED``."""
    words = ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))
    return f"{counts.total()} results" + (f": {words}" if words else "")


def _columns(row: Graded) -> dict[str, Any]:
    score, usage = row.score, None if row.result is None else row.result.usage
    return {
        "name": row.name,
        "case": row.case,
        "outcome": None if row.outcome is None else row.outcome.value,
        "points": None if score is None else score.points,
        "of": None if score is None else score.of,
        "note": "" if score is None else score.note,
        "why": row.why,
        "wall_seconds": None if usage is None else usage.wall_seconds,
        "cpu_seconds": None if usage is None else usage.cpu_seconds,
        "peak_memory_bytes": None if usage is None else usage.peak_memory_bytes,
        "exit_code": None if row.result is None else row.result.exit_code,
        "signal": None if row.result is None else row.result.signal,
    }
