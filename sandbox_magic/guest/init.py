"""PID 1 of the sandbox: parks, hands over the cell, holds the deadline, reaps, reports.

It is started as ``python3 init.py CONTROL REPORT DISPLAY DOOR...`` with the numbers of three pipes: the
host's words come in on CONTROL, PID 1's own words go out on REPORT, and the cell's process never holds
either; what the cell has to show goes out on DISPLAY. Through the DOORs the cell's process joins its
control group, before it waits for its cell.

The process that will run the cell is forked before anything else, so that what PID 1 loads for
itself is not in it. Then PID 1 makes itself undumpable: no other process of the sandbox can read
its memory or environment, trace it or take its descriptors, and the kernel drops every signal
that has its default action when it comes from inside (pid_namespaces(7)).

A cold cell waits for all of this, so the C modules below ``signal`` and ``ctypes`` are used: they
are built in, where their Python halves cost 8 ms to import.
"""

from __future__ import annotations

import _signal
import os
import sys
import time

import inherited
import python
import wire

GRACE_SECONDS = 0.3  # between an interrupt and the kill
DUMP_SECONDS = 0.1  # for the stack to be written at a time limit
TICK_SECONDS = 0.05  # between two looks whether a paused run is really still
PAUSE_SECONDS = 615.0  # the host resumes a paused run after 600; if it has not, the run ends


def main() -> None:
    """Park; then either become the cell or watch it to its end."""
    control, report, display, *doors = map(int, sys.argv[1:])
    start_read, start_write = os.pipe()
    ready, _held_by_the_cells_process = os.pipe()
    cell = os.fork()
    if cell == 0:
        python.main(start_read, display, doors)
    else:
        Watch(cell, control, report, start_write, ready).run()


class Watch:
    """What PID 1 does from the fork to the report."""

    def __init__(self, cell: int, control: int, report: int, start: int, ready: int) -> None:
        self._cell = cell
        self._control = control
        self._report = report
        self._start = start
        self._ready = ready
        self._reader = wire.Reader()
        self._words: list[list[bytes]] = []
        self._cause = b""
        self._wall: float | None = None
        self._cpu_before = self._began = 0.0

    def run(self) -> None:
        """Watch until the cell has ended, report, and take the sandbox down."""
        inherited.close_all_but(0, 1, 2, self._control, self._report, self._start, self._ready)
        inherited.default_signals()
        _protect()
        _let_go_of_streams()
        os.read(self._ready, 1)  # ends when the cell's process has let go of it
        os.close(self._ready)
        os.write(self._report, wire.pack(b"parked"))
        self._wait_for_go()
        import _thread

        _thread.start_new_thread(self._obey, ())
        status = self._reap_until_cell()
        wall = time.monotonic() - self._began
        stopped = _end_others()
        self._tell(status, wall, stopped)
        os._exit(0)

    def _next_word(self) -> list[bytes]:
        """Block for the host's next frame; end the sandbox if the host has gone."""
        while not self._words:
            data = os.read(self._control, 65536)
            if not data:
                os._exit(0)
            self._words = self._reader.feed(data)
        return self._words.pop(0)

    def _wait_for_go(self) -> None:
        word, wall, *rest = self._next_word()
        if word != b"go":
            os._exit(0)
        self._wall = float(wall) if wall else None
        self._cpu_before = time.clock_gettime((~self._cell << 3) | 2)  # its CPU clock: clock_getcpuclockid(3)
        self._began = time.monotonic()
        os.write(self._start, wire.pack(*rest))
        os.close(self._start)

    def _obey(self) -> None:
        """Hold the deadline and do what the host says, in a thread of its own."""
        import select

        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        due = None if self._wall is None else self._began + self._wall
        pause: Pause | None = None
        while True:
            if pause:
                due = pause.due()
            left = None if due is None else max(0.0, due - time.monotonic())
            tick = pause.tick(left) if pause else left
            if not self._words and not poll.poll(None if tick is None else tick * 1000):
                if tick != left:
                    continue
                self._stop(self._cause or b"deadline")
                return
            word = self._next_word()[0]
            now = time.monotonic()
            if word in (b"pause", b"pause-stop"):
                pause = Pause(due, now, stop=word == b"pause-stop")
                continue
            if word == b"resume" and pause:
                due = pause.end()
                self._began += pause.credit
                pause = None
                continue
            if word != b"interrupt" or self._cause:
                self._stop(self._cause or word)
                return
            self._cause = b"interrupt"
            _send(os.killpg, self._cell, _signal.SIGINT)
            grace = time.monotonic() + GRACE_SECONDS
            due = grace if due is None else min(due, grace)

    def _stop(self, cause: bytes) -> None:
        """Kill everything; at a time limit show first where the code was."""
        self._cause = cause
        if cause in (b"deadline", b"cpu"):
            _send(os.kill, self._cell, python.DUMP_SIGNAL)
            time.sleep(DUMP_SECONDS)
        _send(os.kill, -1, _signal.SIGKILL)

    def _reap_until_cell(self) -> int:
        while True:
            pid, status = os.waitpid(-1, 0)
            if pid == self._cell:
                return status

    def _tell(self, status: int, wall: float, stopped: int) -> None:
        import resource

        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = max(0.0, used.ru_utime + used.ru_stime - self._cpu_before)
        numbers = (b"%d" % status, b"%.6f" % wall, b"%.6f" % cpu, b"%d" % (used.ru_maxrss * 1024), b"%d" % stopped)
        os.write(self._report, wire.pack(b"ended", self._cause, *numbers))


class Pause:
    """A pause, and how much of it counts: only the time in which every process was really stopped.

    A cgroup that the host has frozen stays so. Without one the processes get SIGSTOP, which a
    timer's SIGCONT of their own undoes: what is found running is stopped again, and its time counts.
    """

    def __init__(self, due: float | None, now: float, *, stop: bool) -> None:
        self._due = due
        self._stop = stop
        self._began = self._looked = now
        self.credit = 0.0
        if stop:
            _send(os.kill, -1, _signal.SIGSTOP)

    def due(self) -> float:
        """Give when the run ends if nothing else happens, and look whether all is still."""
        now = time.monotonic()
        if self._stop and not all(map(_stopped, os.listdir("/proc"))):
            _send(os.kill, -1, _signal.SIGSTOP)
        else:
            self.credit += now - self._looked
        self._looked = now
        latest = self._began + PAUSE_SECONDS
        return latest if self._due is None else min(latest, self._due + self.credit)

    def tick(self, left: float | None) -> float | None:
        """Give when to look again."""
        return TICK_SECONDS if left is None or left > TICK_SECONDS else left

    def end(self) -> float | None:
        """Let them go on; give when the run is due now."""
        self.due()
        _send(os.kill, -1, _signal.SIGCONT)
        return None if self._due is None else self._due + self.credit


def _let_go_of_streams() -> None:
    """Put /dev/null in place of the cell's streams, so that PID 1 neither holds them open nor writes there."""
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


def _end_others() -> int:
    """Kill and reap what the cell left running; give how many processes that were."""
    stopped = 0
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                stopped = stopped or sum(map(_alive, os.listdir("/proc")))
                _send(os.kill, -1, _signal.SIGKILL)
                os.waitpid(-1, 0)
        except ChildProcessError:
            return stopped


def _alive(name: str) -> bool:
    return _state(name) not in (b"", b"Z", b"X")


def _stopped(name: str) -> bool:
    return _state(name) in (b"", b"Z", b"X", b"T")


def _state(name: str) -> bytes:
    """Give the state of a process by its number as /proc lists it; nothing for PID 1 and for what is none."""
    if not name.isdigit() or name == "1":
        return b""
    try:
        with open("/proc/%s/stat" % name, "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0]
    except OSError:
        return b""


def _send(send: object, pid: int, number: int) -> None:
    try:
        send(pid, number)  # type: ignore[operator] # os.kill or os.killpg
    except OSError:  # it has just ended
        return


if __name__ == "__main__":
    main()
