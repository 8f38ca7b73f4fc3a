"""PID 1 of a session: limits are per cell, and when a cell must be killed the newest snapshot goes on in its place.

The process that runs the cells says when one is done, on the pipe that it has; a line each (`session`). All that is
its own word. What PID 1 sees for itself stays a fact: deaths, limits, what is left.
"""

from __future__ import annotations

import _signal
import os
import select
import time

from . import processes, wire
from .watch import DUMP_PIECES, DUMP_SECONDS, REAP_SECONDS, Watch

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    import _thread
    from typing import NoReturn

IDLE_SECONDS = 86_400.0  # between two cells; then the session ends
_RESTORE_SECONDS = 5.0  # for a snapshot to go on
_MOST_SNAPSHOTS = 100
_NONE = -1  # the number of no cell


class SessionWatch(Watch):
    """What PID 1 does for a session."""

    # A killed cell is taken back, and IPython needs its time to show where an interrupt fell.
    grace_seconds: float = 2.0

    def serve(self, begin: int) -> NoReturn:
        """Park; then reap whatever ends, while the other thread serves the host.

        Args:
            begin: The end of the pipe from which the next cell's number is read: what a dead process has not read is
                thrown away.
        """
        self._begin_read = begin
        self._deaths, self._died = os.pipe()  # of the processes that run the cells
        # The last cell that each has seen, and its process id; the oldest first.
        self._snapshots: list[tuple[int, int]] = []
        self._number = 0  # of the last cell
        self._over: tuple[int, bool] | None = None
        self._between = b""  # what became of the session between two cells, if its process died then
        self._park(begin, self._deaths, self._died).release()
        while True:
            try:
                pid, status = os.waitpid(-1, 0)
            except ChildProcessError:
                time.sleep(processes.LONGEST_SECONDS)  # the other thread ends us
                continue
            if pid == self._cell:
                os.write(self._died, b"%d %d\n" % (pid, status))

    def _obey(self, gone: _thread.LockType) -> None:
        gone.acquire()
        while True:
            word, *details = self._next_when_idle()
            if word == b"cell":
                self._run_cell(*details)
            elif word == b"undo":
                self._undo()
            elif word == b"gather":
                self._send_files()
            # else it was meant for a cell that has ended meanwhile

    def _next_when_idle(self) -> list[bytes]:
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._deaths, select.POLLIN)
        while not self._words:
            heard = dict(poll.poll(IDLE_SECONDS * 1000))
            if not heard:
                os._exit(0)
            if self._deaths in heard and self._death() is not None:
                self._between = self._go_back(self._number + 1)
                if self._between == b"lost":
                    os._exit(0)
            elif self._control in heard and not self._hear():
                os._exit(0)
        return self._words.pop(0)

    def _hear(self) -> bool:
        """Take what the host says; return False if it has gone."""
        data = os.read(self._control, 65536)
        self._words += self._reader.feed(data)
        return bool(data)

    def _run_cell(  # noqa: PLR0913, PLR0917 - the host's words
        self, number: bytes, began: bytes, wall: bytes, cpu: bytes, order: bytes, asks: bytes
    ) -> None:
        if order:
            from .workspace.collect import Gather

            self._gather = Gather(order)  # it holds the working directory as it is before the first cell
        self._cause = b""
        self._pause = self._cpu = None
        self._limits = wall, cpu
        self._cpu_before = self._used() if self._counter < 0 else 0.0
        self._limit()
        self._began = float(began)
        self._due = None if self._wall is None else self._began + self._wall
        if self._counter < 0:
            processes.send(os.kill, -1, _signal.SIGCONT)
        os.write(self._begin_pipe, number + b"\n")
        if not asks:
            self._number = int(number)
        status, died = self._until_over(int(number))
        wall_seconds = time.monotonic() - self._began
        cpu_seconds = self._used() - self._cpu_before if self._counter < 0 else 0.0
        kept = b"done"
        if died:
            os.write(self._report, wire.pack(b"restoring"))
            kept = self._go_back(self._number + bool(asks))
        numbers = (b"%d" % status, b"%.6f" % wall_seconds, b"%.6f" % cpu_seconds, b"0", b"0", b"0")
        os.write(self._report, wire.pack(b"ended", self._cause, *numbers, kept, self._between))
        self._between = b""
        if self._counter < 0:  # nobody holds its limits until the next cell
            processes.send(os.kill, -1, _signal.SIGSTOP)
        if kept == b"lost":
            os._exit(0)

    @staticmethod
    def _used() -> float:
        from . import cputime

        return cputime.of_all()

    def _until_over(self, number: int) -> tuple[int, bool]:
        """Wait for the end of a cell; return its status as waitpid(2) has it, and whether its process is dead."""
        poll = select.poll()
        for descriptor in (self._said, self._deaths, self._control):
            poll.register(descriptor, select.POLLIN)
        while True:
            cause = self._obeyed() or self._wait(poll, number)
            if cause:
                return self._kill(cause), True
            if self._over is not None:
                over, self._over = self._over, None
                return over

    def _obeyed(self) -> bytes:
        """Do what the host has said; return the cause to end the cell if that is what it says."""
        cause = b""
        while self._words and not cause:
            cause = self._do(*self._words.pop(0))
        return cause

    def _wait(self, poll: select.poll, number: int) -> bytes:
        """Wait for something to happen, and take it; return the cause to end the cell if a limit comes first."""
        soon, reached = self._next_moment()
        heard = dict(poll.poll(None if soon is None else soon * 1000))
        if self._control in heard:
            if not self._hear():
                os._exit(0)
        elif reached:  # whatever the code says meanwhile
            return self._cause or reached
        if heard.get(self._said, 0) & select.POLLIN:  # its end comes with every death
            status = self._take_lines(number)
            self._over = None if status is None else ((status & 0xFF) << 8, False)
        elif self._deaths in heard:
            status = self._death()
            self._over = None if status is None else (status, True)
        return b""

    def _take_lines(self, number: int) -> int | None:
        """Take what the session says; return the exit status of the cell once it is done."""
        *lines, self._lines = (self._lines + os.read(self._said, 4096)).split(b"\n")
        self._lines = self._lines[-100:]
        status = None
        for line in lines:
            word, *numbers = line.split()[:3] or [b""]
            if not all(each.isdigit() and len(each) < 10 for each in numbers):
                continue
            if word == b"snapshot" and len(numbers) == 2:  # its process id, the last cell that it has seen
                self._snapshots = [*self._snapshots, (int(numbers[1]), int(numbers[0]))][-_MOST_SNAPSHOTS:]
            elif word == b"done" and len(numbers) == 2 and int(numbers[0]) == number:
                status = int(numbers[1])
            elif word == b"restored" and number == _NONE:
                status = 0
        return status

    def _death(self) -> int | None:
        """Return the wait status of the process that ran the cell, if it is that one which has died."""
        for line in os.read(self._deaths, 4096).splitlines():
            pid, status = map(int, line.split())
            if pid == self._cell:
                return int(_signal.SIGKILL) if self._cause and status == processes.DUMP_SIGNAL else status
        return None

    def _kill(self, cause: bytes) -> int:
        """End the cell's process, at a time limit with a word where it was; return its status."""
        self._cause = b"interrupt" if cause == b"end" else cause
        poll = select.poll()
        poll.register(self._deaths, select.POLLIN)
        if self._cause in (b"deadline", b"cpu"):
            processes.send(os.kill, self._cell, processes.DUMP_SIGNAL)
            if any(poll.poll(DUMP_SECONDS / DUMP_PIECES * 1000) for _ in range(DUMP_PIECES)):
                return self._death() or int(_signal.SIGKILL)
        processes.send(os.kill, self._cell, _signal.SIGKILL)
        poll.poll(REAP_SECONDS * 1000)
        return int(_signal.SIGKILL)

    def _go_back(self, cell: int, most: int = _MOST_SNAPSHOTS) -> bytes:
        """Kill all but the snapshots from before a cell, and let the newest go on; return whether there was one."""
        self._take_the_rest()
        kept = self._kept(cell)[-most:]
        processes.end_all_but([pid for _, pid in kept], time.monotonic() + REAP_SECONDS)
        kept = [each for each in kept if processes.alive([each[1]])]
        if not kept:
            return b"lost"
        self._number, self._cell = kept.pop()
        self._snapshots = kept
        for pid in (*(pid for _, pid in kept), self._cell):
            processes.send(os.kill, pid, _signal.SIGCONT)
        _throw_away(self._begin_read)
        _throw_away(self._deaths)
        processes.send(os.kill, self._cell, processes.WAKE_SIGNAL)
        return b"restored" if self._goes_on() else b"lost"

    def _kept(self, cell: int) -> list[tuple[int, int]]:
        """Return the snapshots that live and have not seen a cell."""
        return [(seen, pid) for seen, pid in self._snapshots if seen < cell and processes.alive([pid])]

    def _goes_on(self) -> bool:
        """Wait until the snapshot says that it does."""
        poll = select.poll()
        poll.register(self._said, select.POLLIN)
        poll.register(self._deaths, select.POLLIN)
        due = time.monotonic() + _RESTORE_SECONDS
        while heard := dict(poll.poll(max(0.0, due - time.monotonic()) * 1000)):
            if heard.get(self._said, 0) & select.POLLIN:
                if self._take_lines(_NONE) == 0:
                    return True
            elif self._deaths in heard and self._death() is not None:
                return False
        return False

    def _take_the_rest(self) -> None:
        """Take what the dead process has said: there may be a snapshot that we don't know yet."""
        poll = select.poll()
        poll.register(self._said, select.POLLIN)
        for _ in range(100):
            if not poll.poll(0):
                break
            self._take_lines(_NONE)
        self._lines = b""

    def _send_files(self) -> None:
        """Have a copy of ourselves look at the files, while all other processes are stopped."""
        processes.send(os.kill, -1, _signal.SIGSTOP)
        done, its_end = os.pipe()
        copy = os.fork() if self._gather else -1
        if copy == 0 and self._gather:
            try:
                self._gather.send(self._files)
            finally:
                os._exit(0)
        os.close(its_end)
        os.read(done, 1)
        os.close(done)
        if self._counter >= 0:  # else they are stopped until the next cell
            processes.send(os.kill, -1, _signal.SIGCONT)
        os.write(self._report, wire.pack(b"gathered"))

    def _undo(self) -> None:
        self._take_the_rest()
        there = bool(self._kept(self._number))
        # The session's process drops the oldest when it leaves the snapshot behind its last cell: perhaps not yet.
        went = there and self._go_back(self._number, self._setup.snapshots or 0) == b"restored"
        os.write(self._report, wire.pack(b"undone", b"%d" % went))
        if there and not went:
            os._exit(0)


def _throw_away(pipe: int) -> None:
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    while poll.poll(0) and os.read(pipe, 65536):
        pass
