"""Runs the cells of a notebook one after the other in its session; whatever happens, a cell ends well or with an error.

The kernel and ``sandbox-magic notebook`` share it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sandbox_magic.execution.drive import drive
from sandbox_magic.kernel import failure, lines
from sandbox_magic.kernel.course import Course
from sandbox_magic.kernel.live import Live
from sandbox_magic.model.errors import PolicyError, SandboxError

if TYPE_CHECKING:
    from sandbox_magic.execution.run import Run
    from sandbox_magic.kernel.failure import Failure
    from sandbox_magic.kernel.session import KernelSession
    from sandbox_magic.kernel.view import KernelView
    from sandbox_magic.model.result import Result

_log = logging.getLogger(__name__)


class Executor:
    """Runs cells.

    Args:
        session: Where they run.

    Attributes:
        session: Likewise.
        last: The result of the last cell that ran; None before the first.
        live: The picture of what all of them have used.
    """

    def __init__(self, session: KernelSession) -> None:
        self.session: KernelSession = session
        self.last: Result | None = None
        self.live: Live = Live(Course())
        self._run: Run | None = None

    def execute(self, code: str, view: KernelView, *, at_most: float | None = None) -> Failure | None:
        """Run a cell, or answer a line of ours; return what went wrong, None if nothing did.

        Args:
            code: The cell.
            view: Shows what it shows.
            at_most: Seconds that it may take, if that is less than its limit.
        """
        try:
            if not code.strip():
                return None
            if (line := lines.command(code)) is not None:
                view.say(lines.answer(line, self.session, self, view.confirm))
                return None
            return self._run_cell(code, view, at_most)
        except SandboxError as error:
            return failure.of_error(error)
        except KeyboardInterrupt:
            return failure.of_interrupt()
        except Exception as error:  # noqa: BLE001 - a mistake of ours ends its cell, not the kernel
            _log.exception("a cell could not be run")
            return failure.of_bug(error)

    def _run_cell(self, code: str, view: KernelView, at_most: float | None) -> Failure | None:
        try:
            result = self._driven(code, view, at_most)
        except PolicyError as error:
            if not self.session.leave_folder():
                raise
            view.note([f"the code does not see this folder: {error.what}"])
            result = self._driven(code, view, at_most)
        failed = failure.of_result(result)
        if failed is None:
            view.note(result.notes)
        return failed

    def _driven(self, code: str, view: KernelView, at_most: float | None) -> Result:
        self._run = self.session.stream(code, number=view.number, at_most=at_most)
        view.watch = self.live
        try:
            self.last = drive(self._run, view)
        finally:
            self._run = None
        return self.last

    def interrupt(self) -> None:
        """Interrupt the cell that runs, if one does; from any thread."""
        if (run := self._run) is not None:
            run.interrupt()
