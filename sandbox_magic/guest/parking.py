"""What the cell's process does before it has a cell, so that no cell waits for it: imports, and first uses."""

from __future__ import annotations

import _signal
import gc
import os
import sys

from . import library

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

PRELOAD_SECONDS = 20  # for each module; what takes longer is left out
TYPICAL = b"""\
class A:
    def f(self, x=1, *more, **named):
        return [f"{y:d}" for y in range(x)]
try:
    raise ValueError(A().f(), {}, 1.5)
except ValueError as error:
    print(error, flush=True)
import sys
0
1 / len([])
"""


class Setup:
    """How the cell's process is prepared, as the host says it.

    Args:
        word: In lines: the resource limits (``NPROC=64 CORE=1``), the module search path (joined by ``:``), the
            modules to preload (joined by ``,``), ``spare`` where nobody waits for it, and for a session how many
            snapshots it keeps and how many bytes of memory it may use.

    Attributes:
        limits: As above.
        snapshots: How many a session keeps; None for a sandbox of one cell.
        memory_bytes: What a session may use.
    """

    def __init__(self, word: str) -> None:
        limits, self._search, modules, spare, session = word.split("\n")
        self.limits: str = limits
        self._modules = modules.split(",") if modules else []
        self._is_spare = bool(spare)
        snapshots, _, memory = session.partition(" ")
        self.snapshots: int | None = int(snapshots) if session else None
        self.memory_bytes: int = int(memory or 0)

    def prepare(self, practise: Callable[[], object]) -> tuple[frozenset[str], bytes]:
        """Prepare; return the names of the modules that are there, and what PID 1 is told: which failed, a line.

        Args:
            practise: Does what is done for any cell, so that the pages that it touches are there.
        """
        library.share(self._search)
        failed: list[int] = []
        own = sys.path[:]
        if self._modules:
            sys.path[:] = self._search.split(":") if self._search else own
            with Silence():
                failed = preload(self._modules)
            sys.path[:] = own
        if self._is_spare:
            with Silence():
                practise()
                if self.snapshots is not None:
                    from . import shell

                    shell.prepare()
            gc.collect()
        gc.freeze()
        self.finish()
        return frozenset(sys.modules), b" ".join(b"%d" % number for number in failed) + b"\n"

    def finish(self) -> None:
        """Undo the scheduling of the thread that parks spares, which is to disturb nothing."""
        if self._is_spare:
            try:
                os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
            except OSError:  # then it stays the batch policy, which differs little
                return


class TooSlow(BaseException):
    """An import took too long; not an `Exception`, which a module might catch."""


def preload(names: list[str]) -> list[int]:
    """Import modules, and return the places in the list of those that could not be imported in time.

    What they print is dropped: it is no output of the cell's.
    """
    failed = []
    before = _signal.signal(_signal.SIGALRM, _too_slow)
    for number, name in enumerate(names):
        _signal.alarm(PRELOAD_SECONDS)
        try:
            __import__(name)
        except (Exception, SystemExit, KeyboardInterrupt, TooSlow):  # noqa: BLE001 - the cell meets it if it imports it
            failed.append(number)
        finally:
            _signal.alarm(0)
    _signal.signal(_signal.SIGALRM, before)
    return failed


def _too_slow(_number: int, _frame: FrameType | None) -> None:
    raise TooSlow


class Silence:
    """Drops what is written to standard output and standard error, by whatever writes there."""

    def __enter__(self) -> None:
        self._kept = [os.dup(number) for number in (1, 2)]
        null = os.open(os.devnull, os.O_WRONLY)
        for number in (1, 2):
            os.dup2(null, number)
        os.close(null)

    def __exit__(self, *_error: object) -> None:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for number, kept in zip((1, 2), self._kept):  # of one length; 3.9 has no strict
            os.dup2(kept, number)
            os.close(kept)
