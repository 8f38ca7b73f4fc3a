"""A session: a sandbox that keeps its state between cells, and can go back before one."""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sandbox_magic.execution import session_answers, session_attempts, session_options
from sandbox_magic.execution import source as _source
from sandbox_magic.execution.api import cell_of, provider
from sandbox_magic.execution.asynchronous import AsyncCells
from sandbox_magic.execution.cell import Cell
from sandbox_magic.execution.drive import View, drive
from sandbox_magic.execution.loop import Loop
from sandbox_magic.execution.run import Run
from sandbox_magic.jail.lease import Kept
from sandbox_magic.model.closing import Closing
from sandbox_magic.model.languages import PYTHON

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from typing import Unpack

    from sandbox_magic.execution.files import FileTransfer
    from sandbox_magic.execution.session_answers import Completion
    from sandbox_magic.execution.session_attempts import SessionTried
    from sandbox_magic.model.attempts import Attempts
    from sandbox_magic.model.option_types import Options
    from sandbox_magic.model.policy import Policy
    from sandbox_magic.model.result import Result
    from sandbox_magic.untrusted.workspace.changes import Changes

_ASK_SECONDS = 6.0  # for an answer to the front end; inside it has half of that


class Session(Closing, AsyncCells):
    """A sandbox that keeps its state between cells: variables, imports, working files, threads.

    The limits on time and output are each cell's, those on memory, processes and disk the session's. A cell that has to
    be killed costs only itself: the session goes back to what it was before it (`Result.restored`). Whether a cell was
    done or failed is the code's own word here, for the interpreter that says so is the code's.

    Args:
        policy: What it may see, use and do.
        undo: How many cells it can go back; with 0 it ends with a cell that has to be killed.
        **options: On top of the policy, as for `sandbox_magic.run`; ``language`` is python or bash, which can't go back
            and completes nothing.

    Attributes:
        cells: How many have been run since its state began.

    Raises:
        PolicyError: An option makes no sense.
    """

    def __init__(self, *, policy: Policy | None = None, undo: int = 1, **options: Unpack[Options]) -> None:
        self._language, self._policy = session_options.of_session(options, policy, undo)
        self._lease = Kept()
        self._lock = threading.Lock()
        self._last: Loop | None = None
        self._tried: SessionTried | None = None
        self._files: FileTransfer | None = None  # of the first cell, whose workspace it was
        self._closed = False
        self._began = 0.0
        self.cells: int = 0
        _open.add(self)

    @property
    def policy(self) -> Policy:
        """What it may see, use and do."""
        return self._policy

    @property
    def alive(self) -> bool:
        """Whether there is a state: False before the first cell, and where the session has ended."""
        last = self._last
        lost = last is not None and last.report is not None and last.report.session == "lost"
        return self._lease.alive and not lost

    @property
    def running(self) -> bool:
        """Whether a cell runs."""
        return self._last is not None and self._last.sandbox is not None and not self._last.closed

    @property
    def age_seconds(self) -> float:
        """Real time since its state began."""
        return time.monotonic() - self._began

    @property
    def memory_bytes(self) -> int | None:
        """What its processes use now, snapshots included; None where that is not counted."""
        sandbox = self._lease.sandbox
        return None if sandbox is None else sandbox.memory_bytes()

    def run(self, source: str | bytes | os.PathLike[str], **options: Unpack[Options]) -> Result:
        """Run a cell to its end and return its result.

        Args:
            source: The code, or the path of a file with code in it.
            **options: For this cell: ``timeout``, ``cpu_time``, ``output_limit``, ``on_output_limit``, ``inputs``,
                ``outputs``, ``args``.

        Raises:
            PolicyError: An option makes no sense, or belongs to the session.
            SandboxUnavailable: No sandbox could be started, so nothing was run.
            RuntimeError: It is closed, or a cell runs in it.
        """
        return drive(self.stream(source, **options), View())

    def stream(self, source: str | bytes | os.PathLike[str], **options: Unpack[Options]) -> Run:
        """Return a cell's run event by event, as `sandbox_magic.stream`; arguments and errors as for `run`."""
        return self.prepare(source, options)

    def prepare(
        self,
        source: str | bytes | os.PathLike[str],
        options: Mapping[str, Any],
        *,
        shows_error: bool = True,
        number: int | None = None,
        **how: Any,
    ) -> Run:
        """Return a cell's run that has not started; further arguments as for `sandbox_magic.execution.api.prepare`.

        Args:
            source: As for `run`.
            options: Likewise, as a mapping.
            shows_error: Whether an error that ends the cell is written to its standard error, besides `Result.error`.
            number: What the front end counts it as.
            **how: As above.
        """
        values = session_options.of_cell(options, self._language)
        cell, policy = cell_of(source, values, self._policy, **how)
        session_options.check(cell, policy, self._language, self._policy)
        return self._start(replace(cell, shows_error=shows_error, number=number), policy)

    def _start(self, cell: Cell, policy: Policy) -> Run:
        with self._lock:
            self._settle()
            if self._lease.alive:  # the workspace is there
                policy = replace(policy, workspace="")
            else:
                self._began, self.cells = time.monotonic(), 0
            self.cells += 1
            self._last = Loop(cell, policy, self._lease)
            self._last.provide = provider(policy)
            if self.cells == 1:
                self._files = self._last.files
            return Run(self._last)

    def _settle(self) -> None:
        """Take note of how the last cell ended.

        Raises:
            RuntimeError: It has not; or the session is closed.
        """
        if self._closed:
            msg = "the session is closed"
            raise RuntimeError(msg)
        last, self._last = self._last, None
        if last is None or last.sandbox is None:
            return
        self._tried = session_attempts.of(last) or self._tried
        if not last.closed:
            self._last = last
            msg = "a cell runs in this session; it ends with run.close(), or when all its events were taken"
            raise RuntimeError(msg)
        self._take_over(last)

    def _take_over(self, last: Loop) -> None:
        """See what a cell has left of the session; one that was dropped has seen to that."""
        if last.result is None or self._lease.sandbox is None:
            return
        if last.report is None or last.report.session == "lost":
            self._lease.close()
        else:
            self._lease.sandbox.rest(restored=last.report.session == "restored")

    def undo(self) -> None:
        """Go back before the last cell: its variables and imports. Threads are gone, files stay as they are.

        Raises:
            RuntimeError: There is nothing to go back to; or as for `run`.
        """
        with self._lock:
            self._settle()
            sandbox = self._lease.sandbox
            if sandbox is None or sandbox.ended or not sandbox.undo():
                many = "one cell" if self._policy.undo == 1 else f"{self._policy.undo} cells"
                msg = f"there is no cell to go back behind: a session can go back {many}, undo=N allows N"
                raise RuntimeError(msg)

    def changes(self) -> Changes:
        """Return what its cells have done to the files of the workspace so far, to look at and to apply.

        Raises:
            RuntimeError: It has no workspace, no state yet, or the files can't be read; or as for `run`.
        """
        with self._lock:
            self._settle()
            files, sandbox = self._files, self._lease.sandbox
            if files is None or sandbox is None or not files.order or not self.alive:
                msg = "there are no changes: the session has no workspace, or has run no cell"
                raise RuntimeError(msg)
            files.expect()
            sandbox.gather(files.feed)
            changes, notes = files.received()
        if changes is None:
            raise RuntimeError(*notes)
        return changes

    @property
    def attempts(self) -> Attempts | None:
        """What its cells have tried since its state began, up to now; None without ``trace``.

        A cell's own are in its result. What threads and children did between two cells is here alone, and what
        completion made the session do. Also while a cell runs, from another thread.
        """
        last = self._last
        tried = (last and session_attempts.of(last)) or self._tried
        return tried and session_attempts.listed(tried, self._policy)

    def reset(self) -> None:
        """End the state; the next cell begins anew."""
        with self._lock:
            last, self._last = self._last, None
            if last is not None:
                last.leave()
            self._lease.close()

    def close(self) -> None:
        """End it for ever."""
        self.reset()
        self._closed = True

    def complete(self, code: str, cursor: int) -> Completion:
        """Return what a name could be completed to.

        Args:
            code: The cell so far.
            cursor: Where the name ends, in characters.
        """
        return session_answers.completion(self._ask(code, f"query:complete:{cursor}:0"), code, cursor)

    def inspect(self, code: str, cursor: int, detail: int = 0) -> dict[str, str]:
        """Return what there is to say of the name at a place, as a MIME bundle made safe to show; {} if nothing.

        Args:
            code: The cell so far.
            cursor: The place, in characters.
            detail: 1 asks for the source too.
        """
        return session_answers.inspection(self._ask(code, f"query:inspect:{cursor}:{detail}"))

    def is_complete(self, code: str) -> tuple[str, str]:
        """Return ``complete``, ``incomplete``, ``invalid`` or ``unknown``, and the indent of the next line."""
        return session_answers.completeness(self._ask(code, "query:is_complete:0:0"))

    def _ask(self, code: str, query: str) -> tuple[bytes, ...]:
        """Return what the session answers; nothing where there is no state, or no answer in time."""
        with self._lock:
            self._settle()
            if not self._lease.alive or self._language != PYTHON.name:
                return ()
            limits = replace(self._policy.limits, wall_seconds=_ASK_SECONDS, cpu_seconds=None)
            self._last = loop = Loop(
                Cell(source=_source.read(code.encode("utf-8", "replace")), query=query),
                replace(self._policy, limits=limits, workspace=""),
                self._lease,
            )
        try:
            while not loop.closed:
                loop.step()
        finally:
            loop.close()
        return loop.replied

    def __del__(self) -> None:
        """End it where the last reference is dropped."""
        if hasattr(self, "_lease"):
            self._lease.close()

    def __repr__(self) -> str:
        """Say whether it has a state."""
        return f"<Session: {'alive' if self.alive else 'closed' if self._closed else 'no state'}>"


_open: weakref.WeakSet[Session] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for session in list(_open):
        session.close()
