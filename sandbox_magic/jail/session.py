"""A sandbox that stays: it takes one cell after another, and can go back to what it was before one."""

from __future__ import annotations

import itertools
import os
import select
import time
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from sandbox_magic.guest import wire
from sandbox_magic.jail import limit_guards, reports
from sandbox_magic.jail.bwrap_errors import unavailable
from sandbox_magic.jail.cgroup.base import Facts
from sandbox_magic.jail.meter import Meter
from sandbox_magic.jail.sandbox import Sandbox
from sandbox_magic.model.isolation import Guard

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import BinaryIO

    from sandbox_magic.jail.task import Task
    from sandbox_magic.model.isolation import Isolation
    from sandbox_magic.model.policy import Limits, Policy

RESTORE_SECONDS = 8.0  # for a session to go back; it takes milliseconds, and longer where much has to be ended
_GATHER_SECONDS = 30.0  # a bound on PID 1's looking at the files
_MOST_IDS = 5000  # places of displays that are remembered from cell to cell
_WORD = Guard(
    name="word",
    kind="protection",
    strength="none",
    words="in a session the code itself says whether a cell was done or failed; limits, deaths and usage are facts",
    mechanism="the interpreter stays, and belongs to the code",
)


class SessionSandbox(Sandbox):
    """A sandbox of a session. `go` hands over the next cell; what a run does at its end leaves it alive."""

    further_seconds: ClassVar[float] = 4.0

    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count(1)
        self._before = Facts()
        self._running = False

    def _bounds(self, policy: Policy) -> Limits:
        """Return those of the policy, with room for the snapshots, and one that is being made or ended."""
        return replace(policy.limits, processes=policy.limits.processes + (policy.undo or 0) + 3)

    def _start(self, *given: object) -> None:
        super()._start(*given)  # type: ignore[arg-type] # its own
        self.group.end_one_at_a_time()
        self.close_stdin()

    def describe(self, limits: Limits) -> Isolation:
        """Return what is in force in it, and whose word the end of a cell is."""
        found = super().describe(limits)
        return replace(found, guards=(*found.guards, _WORD))

    def create(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Return a new file, as `Sandbox.create`, in the place of an earlier cell's."""
        self._directory.discard(name)
        return super().create(name)

    def go(self, task: Task, limits: Limits) -> None:
        """Hand over the next cell and let it run.

        Raises:
            SandboxUnavailable: It can't be written, or the sandbox is gone.
        """
        number = next(self._numbers)
        with self.create(f"cell-{number}{os.path.splitext(task.name)[1]}") as file:
            file.write(task.source)
        words = (limit_guards.rlimits(limits, self.group), self._search, *task.arguments)
        with self.create(f"task-{number}") as file:
            file.write(wire.pack(task.offered.encode(), *map(os.fsencode, words)))
        places = self.channel.display_ids
        while len(places) > _MOST_IDS:
            del places[next(iter(places))]  # the oldest
        self.group.restart_peak()
        self._before = self.group_facts()
        self.meter: Meter = Meter(self.pid, self.group, since_now=True)
        self._running = True
        try:
            if self.tried is not None:
                self.tried.begin_cell()
            self.control.cell(
                b"%d" % number,
                *map(str.encode, (repr(time.monotonic()), *limit_guards.times(limits, counted=self._is_counted))),
                task.gather,
                b"asks" * ("query:" in task.offered),
            )
        except BrokenPipeError as error:
            raise unavailable("the session's process has ended") from error

    def group_facts(self) -> Facts:
        """Return what the control group counted since the session began."""
        return super().facts()

    def facts(self) -> Facts:
        """Return what the control group counted since the cell began; CPU time is the session's."""
        found, before = self.group_facts(), self._before
        return replace(
            found,
            oom_kills=found.oom_kills - before.oom_kills,
            refused_forks=found.refused_forks - before.refused_forks,
        )

    def close_stdin(self) -> None:
        """Let the code see the end of its input, from the start of the session."""
        super().close_stdin()
        self.stdin = -1

    def rest(self, *, restored: bool) -> None:
        """The cell is over; what was being said is thrown away where its process has been killed."""
        self._running = False
        if restored:
            self.channel.throw_away()

    def end_cell(self) -> None:
        """Have the cell ended; the report that it has comes behind it."""
        self.control.stop("end")

    def drop(self) -> None:
        """End the cell, for a run that nobody waits for any more, and the session if that does not go."""
        if self._running:
            self.end_cell()
            if self._next_report(b"ended") is None:
                self.close()
            self.rest(restored=True)

    def undo(self) -> bool:
        """Go back before the last cell; return whether there was a snapshot to go back to."""
        self.control.undo()
        report = self._next_report(b"undone")
        if report is None:
            self.close()
            return False
        if went := report[1] == b"1":
            self.rest(restored=True)
        return went

    def gather(self, feed: Callable[[bytes], None]) -> None:
        """Have the files of the working directory come out, as they are between two cells.

        Args:
            feed: Takes the next piece; what is missing is seen there.
        """
        self.control.gather()
        reader = wire.Reader()
        poll = select.poll()
        for descriptor in (self.files, self.report):
            poll.register(descriptor, select.POLLIN)
        deadline = time.monotonic() + _GATHER_SECONDS
        while ready := dict(poll.poll(max(0.0, deadline - time.monotonic()) * 1000)):
            if self.files in ready:
                feed(os.read(self.files, 2**20))
            elif not (data := os.read(self.report, 65536)) or reader.feed(data):
                return

    def _next_report(self, word: bytes) -> list[bytes] | None:
        """Wait for PID 1's next frame of that kind; None if it does not come in time."""
        try:
            return reports.next_frame(self.report, RESTORE_SECONDS, word)
        except EOFError:
            return None

    def memory_bytes(self) -> int | None:
        """Return what its processes use now; None where that is not counted."""
        try:
            reading = self.group.reading()
        except (OSError, KeyError, ValueError):
            return None
        if reading is None or reading.anonymous_bytes is None or reading.shared_bytes is None:
            return None
        return reading.anonymous_bytes + reading.shared_bytes

    @property
    def ended(self) -> bool:
        """Whether it is gone, or what watches it is, without which no cell could open a file."""
        return self._closed or self.wait(0) or (self.watcher is not None and not self.watcher.alive)
