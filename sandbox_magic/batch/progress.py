"""How far a batch is: one bar, at a terminal or in a notebook, with counts by outcome, rate and time left."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

if TYPE_CHECKING:
    from sandbox_magic.batch.graded import Graded


class Progress:
    """The bar; where there is neither a terminal nor a notebook nothing is written.

    Args:
        total: How many rows there will be; None where that is not known.
    """

    def __init__(self, total: int | None) -> None:
        self._counts: Counter[str] = Counter()
        self._bar = RichProgress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[counts]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("batch", total=total, counts="", rate="")
        self._bar.start()

    def add(self, row: Graded) -> None:
        """Count a row."""
        self._counts[row.word] += 1
        counts = ", ".join(f"{count} {word}" for word, count in self._counts.most_common())
        speed = self._bar.tasks[0].speed
        rate = "" if speed is None else f"{speed:.3g}/s"
        self._bar.update(self._task, advance=1, counts=counts, rate=rate)

    def say(self, line: str) -> None:
        """Write a line above the bar."""
        self._bar.console.print(line, markup=False, emoji=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Take it away."""
        self._bar.stop()
