"""What a run looks like besides its text: the dashboard, or one line at the end, or nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from sandbox_magic import words

if TYPE_CHECKING:
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
    """One line at the end, and the notes."""

    def __init__(self, policy: Policy) -> None:
        self._limits = policy.limits

    def finish(self, result: Result) -> None:
        """Write the line to standard error, so that it is not taken for the code's own output."""
        _say(str(words.ended(result, self._limits)), *result.notes)


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


def view_for(shell: InteractiveShell, policy: Policy, *, quiet: bool, plain: bool) -> View:
    """Give the view for this front end: the dashboard needs one that shows widgets."""
    if quiet:
        return View()
    if plain or not hasattr(shell, "kernel"):
        return Line(policy)
    return Live(policy)
