"""What a run looks like besides its text: the dashboard, or one line at the end, or nothing."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any

from IPython.display import clear_output, publish_display_data

from sandbox_magic.execution.drive import View
from sandbox_magic.model import summary
from sandbox_magic.model.output import Text
from sandbox_magic.notebook.clearing import Clearing
from sandbox_magic.notebook.prompt import WHO, ask
from sandbox_magic.terminal.screen import Terminal
from sandbox_magic.terminal.sparkline import chart
from sandbox_magic.terminal.streams import draws_blocks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from IPython.core.interactiveshell import InteractiveShell

    from sandbox_magic.execution.run import Run
    from sandbox_magic.model.output import Cleared, Display, InputRequest
    from sandbox_magic.model.policy import Policy
    from sandbox_magic.model.result import Result
    from sandbox_magic.model.timeline import Mark, Sample

CHARTED_FROM_SAMPLES = 8  # fewer are no course
_CHART_WIDTH, _BESIDE_CHART = 60, 40  # characters: at most; what the chart's words need beside it


class NotebookView(View):
    """Shows the code's own output.

    Args:
        alone: Whether the output of the notebook's cell is this run's alone, so that it may be cleared.

    Attributes:
        value: The value of the cell's last expression, if there is one, and what was shown after it; still to be shown.
        asks: Whether the person at the notebook can be asked; not from the background.
    """

    def __init__(self, *, alone: bool = False) -> None:
        self.value: list[Display] = []
        self.asks: bool = True
        self._alone = alone
        self._clearing = Clearing(self._clear)

    def write(self, event: Text) -> None:
        """Write the code's text to the stream of the same name."""
        self._clearing.show(lambda: _write(event))

    def display(self, event: Display) -> None:
        """Show it, unless it belongs behind the cell's value, which the notebook shows."""
        if self.value or event.kind == "result":
            self.value.append(event)
        else:
            self._clearing.show(lambda: self.publish(event))

    def clear(self, event: Cleared) -> None:
        """Clear the cell's output, if it is the run's alone."""
        if self._alone:
            self._clearing.ask(wait=event.wait)

    def _clear(self, followed: bool) -> None:  # noqa: FBT001 - called by `Clearing` alone
        clear_output(wait=followed)  # type: ignore[no-untyped-call] # IPython's

    def add(self, sample: Sample) -> None:  # noqa: ARG002 - its time is what counts
        """Clear and show what waits for it, if it is time to."""
        self._clearing.go_on()

    def finish(self, result: Result) -> None:  # noqa: ARG002 - for those that show it
        """Clear and show what waits for it."""
        self._clearing.go_on(last=True)

    def publish(self, event: Display) -> None:
        """Show what the code showed, in place of what it showed under the same name before."""
        how: dict[str, Any] = {"transient": {"display_id": event.display_id}} if event.display_id else {}
        publish_display_data(dict(event.data), dict(event.metadata), update=event.update, **how)  # type: ignore[no-untyped-call] # IPython's

    def ask(self, request: InputRequest) -> str | None:
        """Return what the person at the notebook answers."""
        self._clearing.go_on(last=True)
        return ask(request) if self.asks else None


class SummaryView(NotebookView):
    """One line at the end, and the notes.

    Args:
        policy: The run's.
        raises: Whether the cell of a run that failed fails with a line of its own.
        alone: As for `NotebookView`.
        beside: Whether the front end has outputs beside the two streams.
    """

    def __init__(self, policy: Policy, *, raises: bool, alone: bool = False, beside: bool = False) -> None:
        super().__init__(alone=alone)
        self._beside = beside
        self._limits = policy.limits
        self._raises = raises

    def finish(self, result: Result) -> None:
        """Write the line, so that it is not taken for the code's own output: in a notebook standard error is red."""
        super().finish(result)
        lines = self._lines(result)
        if self._beside and result.ok:
            text = "\n".join(f"sandbox: {line}" for line in lines)
            publish_display_data({"text/plain": text})  # type: ignore[no-untyped-call] # IPython's
        else:
            _say(*lines)

    def _lines(self, result: Result) -> list[str]:
        line = [] if self._raises and not result.ok else [str(summary.ended(result))]
        return [*line, *result.notes]


class InTerminal(SummaryView):
    """In a terminal: a live line below the output while the code runs, then the line and a small chart."""

    def __init__(self, policy: Policy, *, raises: bool) -> None:
        super().__init__(policy, raises=raises)
        self._terminal = Terminal(policy.limits, live=True)

    def write(self, event: Text) -> None:
        """Write it above the live line."""
        self._terminal.write(event)

    def add(self, sample: Sample) -> None:
        """Move the live line, if it is time to."""
        self._terminal.add(sample)

    def publish(self, event: Display) -> None:
        """Write its plain text above the live line."""
        self._terminal.write(Text("stdout", f"{event.text}\n"))

    def ask(self, request: InputRequest) -> str | None:
        """Ask below the output, without the live line."""
        return self._terminal.ask(request, WHO) if self.asks else None

    def finish(self, result: Result) -> None:
        """Put the lines and the chart in the live line's place."""
        self._terminal.end()
        self._terminal.say(*(f"sandbox: {line}" for line in self._lines(result)))
        if draws_blocks() and len(result.timeline.samples) >= CHARTED_FROM_SAMPLES:
            width = min(_CHART_WIDTH, shutil.get_terminal_size().columns - _BESIDE_CHART)
            self._terminal.say(*chart(result.timeline, result.limits, max(width, CHARTED_FROM_SAMPLES)))

    def close(self) -> None:
        """Take the live line away."""
        self._terminal.end()


class Live(NotebookView):
    """The dashboard, and in its place at the end the picture and the notes."""

    def __init__(self, run: Run, *, alone: bool = False, large: bool = False) -> None:
        super().__init__(alone=alone)
        from sandbox_magic.notebook.dashboard.dashboard import Dashboard

        self._dashboard = Dashboard(run.policy, run, large=large)

    def begin(self) -> None:
        """Reserve the place above the output, so that the picture is not in the middle of it."""
        self._dashboard.begin()

    def add(self, sample: Sample) -> None:
        """Draw the sample, if it is time to."""
        super().add(sample)
        self._dashboard.add(sample)

    def mark(self, mark: Mark) -> None:
        """Draw it with the next sample."""
        self._dashboard.mark(mark)

    def ask(self, request: InputRequest) -> str | None:
        """Ask below the output, with words and a Stop above it."""
        self._dashboard.asking(asks=True)
        unanswered = True
        try:
            answer = super().ask(request)
            unanswered = False
        finally:
            self._dashboard.asking(asks=False, unanswered=unanswered)
        return answer

    def finish(self, result: Result) -> None:
        """Put the static picture and the notes in the dashboard's place."""
        super().finish(result)
        self._dashboard.finish(result)

    def close(self) -> None:
        """Close what is still open."""
        self._dashboard.close()

    def _clear(self, followed: bool) -> None:  # noqa: ARG002, FBT001 - as above
        """Clear the output when the dashboard is there again, which is part of it."""
        super()._clear(followed=True)
        self._dashboard.show_again()


def _write(event: Text) -> None:
    file = sys.stdout if event.stream == "stdout" else sys.stderr
    file.write(event.text)
    file.flush()


def _say(*lines: str) -> None:
    for line in lines:
        sys.stderr.write(f"sandbox: {line}\n")
    sys.stderr.flush()


def view_for(
    shell: InteractiveShell, run: Run, shown: Mapping[str, object], *, raises: bool, large: bool = False
) -> NotebookView:
    """Return the view for this front end: the dashboard needs one that shows widgets.

    Args:
        shell: The front end's.
        run: The run to show.
        shown: The options ``quiet``, ``no_dashboard`` and ``bg``.
        raises: Whether the cell of a run that failed fails.
        large: Whether the dashboard and the picture are to be read from afar.
    """
    alone = not shown.get("bg") and _is_alone(shell)  # in the background another cell may be the one that is cleared
    if shown.get("quiet"):
        return NotebookView(alone=alone)
    if shown.get("no_dashboard"):
        return SummaryView(run.policy, raises=raises, alone=alone, beside=hasattr(shell, "kernel"))
    if not hasattr(shell, "kernel"):
        return InTerminal(run.policy, raises=raises)
    return Live(run, alone=alone, large=large)


def _is_alone(shell: InteractiveShell) -> bool:
    """Return whether the cell that the kernel runs now is a ``%%sandbox`` cell as a whole, or one ``%sandbox run``.

    The magic may be called from a cell that shows something itself, which is not the code's to clear.
    """
    if not hasattr(shell, "kernel"):
        return False
    parent: Any = shell.get_parent()  # type: ignore[attr-defined] # ipykernel's shells have it
    code = str(parent.get("content", {}).get("code", "")).strip()
    return code.startswith("%%sandbox") or (code.startswith("%sandbox run ") and "\n" not in code)
