"""What PID 1 does from the fork to the report: parks, lets the cell go, holds the deadline, reaps, reports.

It has two threads: one waits for children (the kernel tells it the true status), the other holds the limits on time and
listens to the host.
"""

from __future__ import annotations

import _signal
import _thread
import os
import time

from . import clean_process, parking, processes, wire

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    import resource

    from .cputime import CpuTime
    from .pause import Pause
    from .workspace.collect import Gather

DUMP_SECONDS = 0.1  # at a time limit, for a process that does not write its stack and end by that
DUMP_PIECES = 10  # in which that is waited for: a machine that stands still meanwhile uses up one of them
REAP_SECONDS = 0.3  # for what the cell left running to end; the rest is as good as dead


class Watch:
    """What PID 1 does from the fork to the report."""

    grace_seconds: float = 0.3  # between an interrupt and the kill

    def __init__(  # noqa: PLR0913, PLR0917 - its descriptors
        self,
        cell: int,
        control: int,
        report: int,
        said: int,
        begin: int,
        counter: int,
        files: int,
        setup: parking.Setup,
    ) -> None:
        self._cell = cell
        self._control = control
        self._report = report
        self._setup = setup
        self._said = said  # where the cell's process says that it waits, then that its compiler is done
        self._begin_pipe = begin  # for a program that is compiled, its process waits until this is closed
        self._counter = counter  # -1 where the group counts no CPU time
        self._files = files  # -1 where no files come out
        self._gather: Gather | None = None
        self._reader = wire.Reader()
        self._words: list[list[bytes]] = []
        self._lines = b""  # what else it has said
        self._cause = b""
        self._is_python = self._compiles = False
        self._limits: tuple[bytes, bytes] = b"", b""  # of real time and of CPU time
        self._cell_ended = _thread.allocate_lock()
        self._wall: float | None = None
        self._due: float | None = None
        self._pause: Pause | None = None
        self._cpu: CpuTime | None = None
        self._cpu_before = self._began = 0.0

    def run(self) -> None:
        """Watch until the cell has ended, report, and take the sandbox down."""
        self._cell_ended.acquire()
        gone = self._park()
        self._wait_for_go()
        gone.release()
        status = self._reap_until_cell()
        wall = time.monotonic() - self._began
        self._cell_ended.release()
        cause = self._cause  # the deadline may come while files are looked at
        gather = self._gather if not cause else None
        if gather:  # the host bounds it from here on, and every write must be over
            os.write(self._report, wire.pack(b"gathering"))
        stopped = processes.end_others(None if gather else time.monotonic() + REAP_SECONDS, leave=not cause)
        if gather:
            gather.send(self._files)
        self._tell(status, cause, wall, stopped)
        os._exit(0)

    def _park(self, *kept: int) -> _thread.LockType:
        """Become what no other process can look into, and report; return the lock for which the second thread waits.

        Args:
            kept: More descriptors that stay open.
        """
        own = (self._control, self._report, self._said, self._begin_pipe, self._counter, self._files)
        clean_process.close_all_but(0, 1, 2, *own, *kept)
        clean_process.default_signals()
        # The filter keeps PID 1's threads, 1 and 3, from the cell: this one starts before the cell can start anything.
        gone = _thread.allocate_lock()
        gone.acquire()
        _thread.start_new_thread(self._obey, (gone,))
        _protect()
        _let_go_of_streams()
        self._setup.finish()
        os.write(self._report, wire.pack(b"parked", *self._wait_for_cells_process()))
        return gone

    def _wait_for_cells_process(self) -> list[bytes]:
        """Block until it waits for its cell; return what it says of the modules that were to be preloaded."""
        said = b""
        while b"\n" not in said:
            data = os.read(self._said, 4096)
            if not data:  # it did not get there
                os._exit(1)
            said += data
        line, _, self._lines = said.partition(b"\n")
        self._cpu_before = time.clock_gettime((~self._cell << 3) | 2)  # its CPU clock: clock_getcpuclockid(3)
        return line.split()

    def _next_word(self) -> list[bytes]:
        """Block for the host's next frame; end the sandbox if the host has gone."""
        while not self._words:
            data = os.read(self._control, 65536)
            if not data:
                os._exit(0)
            self._words = self._reader.feed(data)
        return self._words.pop(0)

    def _wait_for_go(self) -> None:
        word, began, compiler, wall, cpu, gather, python = self._next_word()
        if word != b"go":
            os._exit(0)
        self._limits = wall, cpu
        self._compiles = bool(compiler)
        self._is_python = bool(python)
        if gather:
            from .workspace.collect import Gather

            self._gather = Gather(gather)  # it holds the working directory as it is before the cell
            os.write(self._report, wire.pack(b"holding"))
        if self._compiles:
            self._wall = None if compiler == b"inf" else float(compiler)
        else:
            self._limit()
        self._began = float(began)  # by the host's clock, which is ours: the cell's process has its cell already

    def _limit(self) -> None:
        """Take the limits on time, which are for the code and not for its compiler."""
        wall, cpu = self._limits
        self._wall = float(wall) if wall else None
        if cpu:
            from .cputime import CpuTime

            limit, _, counted = cpu.partition(b" ")
            self._cpu = CpuTime(float(limit), self._counter if counted else -1)

    def _begin(self) -> None:
        """Let the program begin, whose process waits for that, if what has been said is that it is compiled."""
        if not os.read(self._said, 1):  # it failed
            return
        from . import cputime

        self._compiles = False
        self._limit()
        self._cpu_before = cputime.of_all()
        self._began = time.monotonic()
        self._due = None if self._wall is None else self._began + self._wall
        if self._pause:
            self._pause.limit(self._due)
        counted = b"" if self._counter < 0 else b"%.9f" % cputime.of_group(self._counter)
        os.write(self._report, wire.pack(b"compiled", counted))
        os.close(self._begin_pipe)

    def _obey(self, gone: _thread.LockType) -> None:
        """Hold the deadline and do what the host says, in a thread of its own, once the cell has been let go."""
        gone.acquire()
        self._due = None if self._wall is None else self._began + self._wall
        cause = b""
        while not cause:
            cause = self._wait_for_word() or self._do(*self._next_word())
        self._stop(self._cause or cause)

    def _wait_for_word(self) -> bytes:
        """Wait for the host's next word; return the cause to end the run if a limit comes first."""
        import select

        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        if self._compiles:
            poll.register(self._said, select.POLLIN)
        while not self._words:
            soon, reached = self._next_moment()
            heard = dict(poll.poll(None if soon is None else soon * 1000))
            if self._said in heard:
                poll.unregister(self._said)
                self._begin()
            elif heard:
                break
            elif reached:
                return reached
        return b""

    def _next_moment(self) -> tuple[float | None, bytes]:
        """Return the seconds until something is to be looked at, and the limit that has been reached, if one has.

        What the host has said before is to be heard first: it may be that there is more time.
        """
        if self._pause:
            self._due = self._pause.due()
        left = None if self._due is None else max(0.0, self._due - time.monotonic())
        looks = [] if left is None else [left]
        if self._pause:
            looks.append(self._pause.tick(left))
        if self._cpu:
            looks.append(self._cpu.next_look())
            if not looks[-1]:
                return 0.0, b"cpu"
        return min(looks, default=None), b"" if left is None or left > 0 else b"deadline"

    def _do(self, word: bytes, *details: bytes) -> bytes:
        """Do what the host says; return the cause to end the run if that is what it says."""
        now = time.monotonic()
        if word == b"credit":  # a question is on screen, or no longer: the host says how much of that counts
            seconds = float(details[0]) * (not self._cause)
            self._due = None if self._due is None else self._due + seconds
            if self._pause:
                self._pause.move(seconds)
        elif word in (b"pause", b"pause-stop"):
            from .pause import Pause

            self._pause = Pause(self._due, now, stop=word == b"pause-stop")
        elif word == b"resume":
            if self._pause:
                self._due = self._pause.end()
                self._began += self._pause.credit
                self._pause = None
        elif word == b"interrupt" and not self._cause:
            self._cause = b"interrupt"
            processes.send(os.killpg, self._cell, _signal.SIGINT)
            grace = now + self.grace_seconds
            self._due = grace if self._due is None else min(self._due, grace)
        else:
            return word
        return b""

    def _stop(self, cause: bytes) -> None:
        """Kill everything; at a time limit show first where the code was, which ends its process."""
        self._cause = cause
        if self._is_python and cause in (b"deadline", b"cpu"):
            processes.send(os.kill, self._cell, processes.DUMP_SIGNAL)
            any(self._cell_ended.acquire(timeout=DUMP_SECONDS / DUMP_PIECES) for _ in range(DUMP_PIECES))
        processes.send(os.kill, -1, _signal.SIGKILL)

    def _reap_until_cell(self) -> int:
        while True:
            pid, status = os.waitpid(-1, 0)
            if pid == self._cell:
                return _signal.SIGKILL if self._cause and status == processes.DUMP_SIGNAL else status

    def _tell(self, status: int, cause: bytes, wall: float, stopped: int) -> None:
        import resource

        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = max(0.0, _cpu_seconds(used) - self._cpu_before)
        numbers = (b"%d" % status, b"%.6f" % wall, b"%.6f" % cpu, b"%d" % (used.ru_maxrss * 1024), b"%d" % stopped)
        os.write(self._report, wire.pack(b"ended", cause, *numbers, b"%d" % self._compiles))


def _let_go_of_streams() -> None:
    """Replace the cell's streams by /dev/null, so that PID 1 neither holds them open nor writes to them."""
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.close(null)


def _protect() -> None:
    """Become undumpable, and overwrite the command line, which anyone can read."""
    import _ctypes

    class Pointer(_ctypes._SimpleCData):  # type: ignore[type-arg] # noqa: SLF001 - as ctypes itself does
        _type_ = "P"

    with open("/proc/self/stat", "rb") as stat:
        fields = stat.read().rpartition(b")")[2].split()
    start, end = int(fields[45]), int(fields[46])  # arg_start and arg_end: fields 48 and 49 of proc(5)
    name = b"sandbox-init".ljust(end - start, b"\0")[: end - start]
    move = _ctypes._memmove_addr  # type: ignore[attr-defined] # noqa: SLF001 - what ctypes.memmove calls
    _ctypes.call_function(move, (Pointer(start), name, Pointer(end - start)))
    prctl = _ctypes.dlsym(_ctypes.dlopen(None, 0), "prctl")  # type: ignore[arg-type] # None is this program itself
    if _ctypes.call_function(prctl, (4, 0, 0, 0, 0)) != 0:  # PR_SET_DUMPABLE
        os._exit(1)


def _cpu_seconds(used: resource.struct_rusage) -> float:
    """Return the CPU time of what has been reaped, as given, and of what has not."""
    if processes.all_reaped():
        return used.ru_utime + used.ru_stime
    try:
        from . import cputime
    except (ImportError, OSError):  # the code has taken every open file that the machine has
        return used.ru_utime + used.ru_stime
    return float(cputime.of_all())
