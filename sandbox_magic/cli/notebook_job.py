"""A stranger's notebook, cell by cell: run in one sandbox, or only cleaned; what it says and how it counts."""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sandbox_magic.cli import exit_status
from sandbox_magic.kernel import lines
from sandbox_magic.kernel.executor import Executor
from sandbox_magic.kernel.failure import of_interrupt
from sandbox_magic.kernel.outputs import Outputs
from sandbox_magic.kernel.session import KernelSession
from sandbox_magic.kernel.view import KernelView
from sandbox_magic.model import summary
from sandbox_magic.model.errors import PolicyError, SandboxUnavailable
from sandbox_magic.model.outcome import ENDINGS, Outcome
from sandbox_magic.model.units import limit_seconds
from sandbox_magic.untrusted.notebook import cleaning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType

    from sandbox_magic.kernel.failure import Failure
    from sandbox_magic.model.policy import Policy
    from sandbox_magic.model.result import Result
    from sandbox_magic.untrusted.notebook.document import Cell


_YOU = "you stopped it"


class Job:
    """One notebook.

    Args:
        cells: Its cells.
        policy: Under which they run.
        total_seconds: For all of them; None for no bound.
        keep_going: Whether the cells behind one that failed run too.
        quiet: Whether nothing is said of a cell that has ended.

    Attributes:
        status: The exit status so far.
    """

    def __init__(
        self, cells: Sequence[Cell], policy: Policy, *, total_seconds: float | None, keep_going: bool, quiet: bool
    ) -> None:
        self.status: int = 0
        self._cells = cells
        self._executor = Executor(KernelSession(lambda: policy))
        self._outputs = Outputs()
        self._total_seconds = total_seconds
        self._end = math.inf if total_seconds is None else time.monotonic() + total_seconds
        self._keep_going = keep_going
        self._quiet = quiet
        self._counts = dict.fromkeys(("ended_well", "failed", "not_run"), 0)
        self._runs = False  # a cell
        self._stopped = ""  # why no more cells are run

    def cleaned(self) -> list[dict[str, Any]]:
        """Return the cells as they were saved, cleaned; nothing is run."""
        made = []
        for number, cell in enumerate(self._cells, start=1):
            outputs, dropped = cleaning.outputs(cell.outputs)
            for what in dropped:
                self._say(number, f"left out: {what}")
            made.append(_made(cell, outputs=outputs))
        return made

    def executed(self) -> list[dict[str, Any]]:
        """Return the cells with what they showed.

        Raises:
            SandboxUnavailable: No sandbox could be started, so nothing was run.
            PolicyError: Nothing can be run with this policy.
        """
        with closing(self._executor.session), self._stopping_between_cells():
            made = [self._done(number, cell) for number, cell in enumerate(self._cells, start=1)]
        self._say_all()
        return made

    def summary(self) -> dict[str, object]:
        """Return what the notebook's metadata says of the run."""
        return {**self._counts, "exit_status": self.status}

    def _done(self, number: int, cell: Cell) -> dict[str, Any]:
        if cell.kind != "code" or not cell.source.strip():
            return _made(cell)
        if not self._stopped and time.monotonic() >= self._end:
            self._stop_at_total()
        if self._stopped:
            self._counts["not_run"] += 1
            return _made(cell, metadata={"outcome": "NOT_RUN", "ok": False})
        return self._run(number, cell)

    def _run(self, number: int, cell: Cell) -> dict[str, Any]:
        count = self._counts["ended_well"] + self._counts["failed"] + 1
        self._outputs.begin()
        view = KernelView(self._outputs.publish, _nobody, count)
        before, self._runs = self._executor.last, True
        try:
            # Since it was last asked Ctrl-C may have come; from here on that raises.
            stopped = of_interrupt() if self._stopped else None
            failed = stopped or self._executor.execute(cell.source, view, at_most=self._left())
        except KeyboardInterrupt:
            failed = of_interrupt()
        finally:
            self._runs = False
        result = None if self._executor.last is before else self._executor.last
        if failed is not None:
            _raise_if_nothing_can_run(failed, cell)
            view.fail(failed)
            self._note_failure(failed, result, cell)
        self._counts["ended_well" if failed is None else "failed"] += 1
        self._say(number, _ending(failed, result))
        return _made(cell, outputs=self._outputs.cell, count=count, metadata=_usage(failed, result))

    def _left(self) -> float | None:
        """Return how long the next cell may take of the time for all; None where there is no bound."""
        return None if math.isinf(self._end) else max(self._end - time.monotonic(), 0.001)

    @contextmanager
    def _stopping_between_cells(self) -> Iterator[None]:
        """While the block runs, Ctrl-C raises only in a cell; between two it is taken note of."""

        def handle(number: int, frame: FrameType | None) -> None:
            if self._runs:
                signal.default_int_handler(number, frame)
            self._stop(_YOU, exit_status.INTERRUPTED)

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, handle)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _note_failure(self, failed: Failure, result: Result | None, cell: Cell) -> None:
        interrupted = result.outcome is Outcome.INTERRUPTED if result else failed.name == "KeyboardInterrupt"
        if result is not None and result.outcome is Outcome.WALL_TIME and time.monotonic() >= self._end:
            self._stop_at_total()
        elif interrupted:
            self._stop(_YOU, exit_status.INTERRUPTED)
        elif _is_meant(result, cell):
            return
        elif result is None or result.outcome in (Outcome.COMPLETED, Outcome.FAILED):
            self._stop("a cell failed; --keep-going goes on", exit_status.CELL_FAILED, unless=self._keep_going)
        else:
            self._stop("a cell failed; --keep-going goes on", exit_status.status(result), unless=self._keep_going)

    def _stop_at_total(self) -> None:
        why = f"all cells together have {limit_seconds(self._total_seconds or 0)}; --total-timeout allows more"
        self._stop(why, ENDINGS[Outcome.WALL_TIME].exit_status or exit_status.CELL_FAILED)

    def _stop(self, why: str, status: int, *, unless: bool = False) -> None:
        self.status = self.status or status
        if not unless:
            self._stopped = why

    def _say(self, number: int, words: str) -> None:
        if not self._quiet:
            print(f"sandbox: cell {number} of {len(self._cells)}: {words}", file=sys.stderr, flush=True)

    def _say_all(self) -> None:
        if not self._quiet:
            words = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in self._counts.items() if count)
            print(f"sandbox: {words or 'no code'}{f' ({self._stopped})' if self._stopped else ''}", file=sys.stderr)


def _nobody(prompt: str, *, password: bool) -> str | None:  # noqa: ARG001 - the form of whoever asks
    return None


def _raise_if_nothing_can_run(failed: Failure, cell: Cell) -> None:
    if isinstance(failed.error, SandboxUnavailable):
        raise failed.error
    if isinstance(failed.error, PolicyError) and lines.command(cell.source) is None:
        raise failed.error


def _is_meant(result: Result | None, cell: Cell) -> bool:
    """Return whether the cell's author says that it raises, and it did just that: ended by an exception of its own."""
    tags = cell.metadata.get("tags")
    tagged = isinstance(tags, list) and "raises-exception" in tags
    return tagged and result is not None and result.outcome is Outcome.FAILED and result.error is not None


def _ending(failed: Failure | None, result: Result | None) -> str:
    words = "done" if result is None else str(summary.ended(result))
    return words if failed is None else f"{words if result else 'failed'} ({failed.name}: {failed.message})"


def _usage(failed: Failure | None, result: Result | None) -> dict[str, object]:
    """Return what a cell's metadata says: how it ended, and what it cost as far as that is known."""
    if result is None:
        return {"ok": failed is None}
    usage = asdict(result.usage)
    known = {name: usage[name] for name in ("wall_seconds", "cpu_seconds", "peak_memory_bytes", "peak_processes")}
    return {"ok": failed is None, "outcome": result.outcome.value, "restored": result.restored, **known}


def _made(
    cell: Cell,
    *,
    outputs: Sequence[Mapping[str, Any]] = (),
    count: int | None = None,
    metadata: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """Return a cell as the format has it."""
    own = {**cell.metadata, **({"sandbox_magic": metadata} if metadata else {})}
    made = {"cell_type": cell.kind, "id": cell.name, "metadata": own, "source": cell.source}
    if cell.kind == "code":
        return {**made, "outputs": list(outputs), "execution_count": count}
    if cell.kind == "raw":  # exporters write one without a type into the page as it is
        return {**made, "metadata": {**own, "raw_mimetype": "text/plain", "format": "text/plain"}}
    attached = cleaning.attachments(cell.attachments)
    return {**made, "source": cleaning.prose(cell.source), **({"attachments": attached} if attached else {})}
