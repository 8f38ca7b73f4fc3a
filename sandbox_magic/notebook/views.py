"""What a run looks like besides its text: the dashboard, or one line at the end, or nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from sandbox_magic import words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from IPython.core.interactiveshell import InteractiveShell

    from sandbox_magic.events import Sample
    from sandbox_magic.policy import Policy
    from sandbox_magic.result import Result


class View:
    """Shows nothing."""

    def begin(self) -> None:
        """Take a place before the code's output."""

    def add(self, sample: Sample) -> None:
        """Take a sample of the running code."""

    def finish(self, result: Result) -> None:
        """Show how it ended."""

    def close(self) -> None:
        """Give up without an end."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Line(View):
    """One line at the end, and the notes.

    Args:
        policy: The run's.
        raises: Whether the cell of a run that failed fails with a line of its own.
    """

    def __init__(self, policy: Policy, *, raises: bool) -> None:
        self._limits = policy.limits
        self._raises = raises

    def finish(self, result: Result) -> None:
        """Write the line to standard error, so that it is not taken for the code's own output."""
        line = [] if self._raises and not result.ok else [str(words.ended(result, self._limits))]
        _say(*line, *result.notes)


class Live(View):
    """The dashboard, and the notes below it."""

    def __init__(self, policy: Policy) -> None:
        from sandbox_magic.notebook.dashboard import Dashboard

        self._dashboard = Dashboard(policy)

    def begin(self) -> None:
        """Take the place above the output, so that the picture does not stand in the middle of it."""
        self._dashboard.begin()

    def add(self, sample: Sample) -> None:
        """Draw the sample, if it is time to."""
        self._dashboard.add(sample)

    def finish(self, result: Result) -> None:
        """Put the static picture in the dashboard's place."""
        self._dashboard.finish(result)
        _say(*result.notes)

    def close(self) -> None:
        """Close what is still open."""
        self._dashboard.close()


def _say(*lines: str) -> None:
    for line in lines:
        sys.stderr.write(f"sandbox: {line}\n")
    sys.stderr.flush()


def view_for(shell: InteractiveShell, policy: Policy, shown: Mapping[str, object], *, raises: bool) -> View:
    """Give the view for this front end: the dashboard needs one that shows widgets.

    Args:
        shell: The front end's.
        policy: The run's.
        shown: The options ``quiet`` and ``no_dashboard``.
        raises: Whether the cell of a run that failed fails.
    """
    if shown.get("quiet"):
        return View()
    if shown.get("no_dashboard") or not hasattr(shell, "kernel"):
        return Line(policy, raises=raises)
    return Live(policy)
