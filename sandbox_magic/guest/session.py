"""A session inside: the process that runs one cell after another, and before each has left a copy of itself behind.

The copy, a snapshot, waits for a signal of PID 1's. When a cell must be killed PID 1 lets the newest one go on in its
place: the session is as it was before that cell, but for its threads (fork(2) keeps one) and its files.

PID 1 names a cell by its number; the rest is in files that only the host writes (`TASK`, `CELL`). What is said to PID 1
is the code's own word, for the code owns this process: a line each.
"""

from __future__ import annotations

import _signal
import os
import select
import sys

from . import clean_process, ending, error_text, flood, order, processes, rlimits, wire

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from .cell_builtins import CellBuiltins
    from .parking import Setup

CELL, TASK = "/sandbox/cell-%d.py", "/sandbox/task-%d"
ANSWER_SECONDS = 3.0  # for completion and the like
_OOM_FIRST = 500  # of oom_score_adj: the kernel kills the cell before its snapshot
_LARGEST_SHARE = 0.5  # of the session's memory: a larger process leaves no snapshot, which could cost the cell its room
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Session:
    """Serves PID 1 until the session ends.

    Args:
        begin: The descriptor on which PID 1 names the next cell.
        said: The descriptor on which PID 1 is told of snapshots and ends.
        found: What a cell finds.
        setup: Says how many snapshots are kept, and what the session may use.
    """

    def __init__(self, begin: int, said: int, found: CellBuiltins, setup: Setup) -> None:
        self._begin_pipe = begin
        self._said = said
        self._found = found
        self._most = setup.snapshots or 0  # besides the one for the next cell
        self._last = 0  # the number of the last cell that was done
        self._memory_bytes = setup.memory_bytes
        self._kept: list[int] = []  # the process ids of the snapshots, the oldest first
        self._ending: list[int] = []
        self._has_snapshot = False
        self._openmp = OpenMP()
        self._owner = os.getpid()
        self._begun = False
        self._shell: Any = None

    def serve(self) -> NoReturn:
        """Run what PID 1 names, until it hangs up."""
        _prefer_to_lose(_OOM_FIRST)
        while True:
            if self._most and self._leave_snapshot():
                self._go_on()
                continue
            number, words, task = self._next_cell()
            status = self._run(number, words, task)
            if os.getpid() != self._owner:  # a copy that the code forked has come to the end of the cell too
                os._exit(status)
            self._say(b"done %d %d" % (number, status))
            self._last = number

    def _next_cell(self) -> tuple[int, list[str], list[bytes]]:
        """Wait for a cell, and answer meanwhile what a front end asks; return its number, what is offered, the rest."""
        while True:
            number = self._next_number()
            with open(TASK % number, "rb") as packed:
                task = wire.Reader().feed(packed.read())[0]
            words = task[0].decode().split()
            asked = next((word for word in words if word.startswith("query:")), "")
            if not asked:
                return number, words, task
            self._say(b"done %d %d" % (number, self._answer(asked, number)))

    def _next_number(self) -> int:
        number = os.read(self._begin_pipe, 64)
        if not number:
            os._exit(0)
        return int(number)

    def _say(self, line: bytes) -> None:
        os.write(self._said, line + b"\n")

    def _run(self, number: int, words: list[str], task: list[bytes]) -> int:
        if "bash" in words:
            self._become_bash(number, task)
        file = CELL % number
        if not self._begun:
            self._begin(words, *(field.decode("utf-8", "surrogateescape") for field in task[1:3]))
        sys.argv[:] = [file, *(field.decode("utf-8", "surrogateescape") for field in task[3:])]
        self._found.make(words)
        if self._most and not self._has_snapshot:
            self._found.tell(b"note", b"no snapshot")
        error_text.set_apart("error-apart" in words)
        with open(file, "rb") as source:
            text = source.read().decode("utf-8", "replace")
        self._shell.number = next((int(word[3:]) for word in words if word.startswith("in:")), None)
        return int(self._shell.run_cell(text, file, value="value" in words))

    def _begin(self, words: list[str], limits: str, search: str) -> None:
        """Do what is done once, with the first cell."""
        from . import shell

        self._begun = True
        main = type(sys)("__main__")
        main.__dict__["__builtins__"] = sys.modules["builtins"]
        sys.modules["__main__"] = main
        rlimits.put(limits, cpu_time=False)
        if "workspace" in words:
            from .workspace import archive

            archive.fill(os.getcwd())
        sys.path[:] = ["", *(search.split(":") if search else sys.path)]
        flood.expect()
        order.keep()
        self._shell = shell.make(self._found, main)

    def _become_bash(self, number: int, task: list[bytes]) -> NoReturn:
        """Leave the rest of the session to bash, which can't leave a copy of itself behind."""
        rlimits.put(task[1].decode(), cpu_time=False)
        clean_process.default_signals()
        for descriptor in (self._begin_pipe, self._said):
            os.set_inheritable(descriptor, True)  # noqa: FBT003 - os's own form
        script = os.path.join(os.path.dirname(__file__), "bash_session.bash")
        os.execvp("bash", ["bash", script, str(number), str(self._begin_pipe), str(self._said)])  # noqa: S606 - it is the shell that is wanted

    # Snapshots

    def _leave_snapshot(self) -> bool:
        """Leave a copy of this process behind; return True in the copy alone, when it is to go on."""
        ending.flush()
        self._drop(self._most)
        self._openmp.let_go()
        numbers = sys.modules.get("random")
        state = numbers.getstate() if numbers else None
        before = _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals() - {processes.DUMP_SIGNAL})
        copy = -1
        try:
            if _resident_bytes() <= self._memory_bytes * _LARGEST_SHARE:
                copy = os.fork()
        except OSError:  # as many processes as there may be, or no memory
            pass
        if copy == 0:
            _wait_to_go_on()
            if numbers and state:
                numbers.setstate(state)  # a forked copy draws others
        _signal.pthread_sigmask(_signal.SIG_SETMASK, before)
        if copy > 0:
            self._kept.append(copy)
            self._say(b"snapshot %d %d" % (copy, self._last))
        elif copy < 0:  # an older one is not the state before the next cell, and would be taken for it
            self._drop(0)
        self._has_snapshot = copy > 0
        return copy == 0

    def _drop(self, most: int) -> None:
        """Keep no more than so many snapshots, and reap those that have ended."""
        left = max(0, len(self._kept) - most)
        gone, self._kept = self._kept[:left], self._kept[left:]
        for pid in gone:
            processes.send(os.kill, pid, _signal.SIGKILL)
        self._ending = [pid for pid in self._ending + gone if not _reaped(pid)]

    def _go_on(self) -> None:
        """Take the place of the process whose copy we are."""
        _prefer_to_lose(_OOM_FIRST)
        self._owner = os.getpid()
        self._found.adopt()
        self._say(b"restored")

    # Questions of the front end: completion and the like

    def _answer(self, asked: str, number: int) -> int:
        """Answer in a forked copy, which can change nothing here and may be killed."""
        if not self._begun:  # nothing is defined yet
            return 1
        try:
            child = os.fork()
        except OSError:
            return 1
        if child == 0:
            try:
                _prefer_to_lose(_OOM_FIRST)
                os.setpgid(0, 0)
                self._found.adopt()
                self._found.answer(*self._answered(asked, number))
                os._exit(0)
            finally:
                os._exit(1)
        return _status_within(child, ANSWER_SECONDS)

    def _answered(self, asked: str, number: int) -> list[bytes]:
        _, what, cursor, detail = asked.split(":")
        with open(CELL % number, "rb") as source:
            text = source.read().decode("utf-8", "replace")
        if what == "complete":
            matches, begin, end = self._shell.complete(text, int(cursor))
            return [b"%d" % begin, b"%d" % end, *(match.encode("utf-8", "replace") for match in matches[:1000])]
        if what == "inspect":
            bundle = self._shell.inspect(text, int(cursor), int(detail))
            return [part.encode("utf-8", "replace") for pair in bundle.items() for part in pair]
        return [word.encode() for word in self._shell.is_complete(text)]


def _wait_to_go_on() -> None:
    """Wait, as a snapshot, for PID 1's signal; what else came meanwhile was for another process."""
    os.setpgid(0, 0)
    _prefer_to_lose(0)
    while _signal.sigwait([processes.WAKE_SIGNAL]) != processes.WAKE_SIGNAL:
        pass
    while _signal.sigpending() & {_signal.SIGINT}:
        _signal.sigwait([_signal.SIGINT])


def _reaped(pid: int) -> bool:
    """Reap a snapshot, if it has ended; one that is not our child, for we have been one ourselves, is PID 1's."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True


def _status_within(child: int, seconds: float) -> int:
    """Return whether a child did not come to its end in time, by itself."""
    poll = select.poll()
    watched = os.pidfd_open(child)
    try:
        poll.register(watched, select.POLLIN)
        if not poll.poll(seconds * 1000):
            os.kill(child, _signal.SIGKILL)
        return int(os.waitpid(child, 0)[1] != 0)
    finally:
        os.close(watched)


def _prefer_to_lose(score: int) -> None:
    """Say how much rather than another this process should be killed when memory is short."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("%d" % score)
    except OSError:  # the kernel chooses by itself
        return


def _resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * _PAGE


class OpenMP:
    """GNU OpenMP in this process, which must have no thread when it is copied.

    A copy would wait for them for ever: they are not in it, and the library does not know.
    """

    def __init__(self) -> None:
        self._modules = 0
        self._pauses: dict[str, Any] = {}

    def let_go(self) -> None:
        """Have it end its threads, which it starts again when they are needed."""
        if len(sys.modules) != self._modules:
            self._modules = len(sys.modules)
            for path in _mapped_libraries(b"libgomp"):
                if path not in self._pauses:
                    import ctypes

                    self._pauses[path] = getattr(ctypes.CDLL(path), "omp_pause_resource_all", None)
        for pause in filter(None, self._pauses.values()):
            pause(2)  # omp_pause_hard


def _mapped_libraries(part: bytes) -> list[str]:
    with open("/proc/self/maps", "rb") as maps:
        return sorted({os.fsdecode(line.split(None, 5)[5].rstrip(b"\n")) for line in maps if part in line})
