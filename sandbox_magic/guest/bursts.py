"""Lines that a cell prints by the thousand go out several at a time.

The sandbox's Python writes each piece of text through at once: nothing is late, and nothing is lost when it is killed.
But a write costs five times what the rest of print() does. So while a cell floods its output, text is held until there
are four kilobytes of it, and from the first moment without much of it everything goes through again. What is held goes
out before anything else that could be seen or could end the process: see `_SEEN` and `_GUARDED`.

Only while the cell has a single thread: up to 3.12 the text layer loses text that comes while it writes, if it holds
any (CPython issue 119506). And only while it neither traces nor profiles, for it would see us.
"""

from __future__ import annotations

import _signal
import _thread
import atexit
import itertools
import os
import sys
import time

if False:  # for the type checker; typing costs milliseconds
    from typing import Any, Callable

_LINES = 1000  # of which it is seen how quickly they came
_QUICK_SECONDS = 0.05  # for so many
_HELD_BYTES = 4096  # a pipe takes as much as a whole: pipe(7)
_TICK_SECONDS = 0.02
_FEW = 2  # writes in a tick
_WAITS = 1000  # for the other thread; it can't end if a signal's handler came while it was started
_SEEN = {"os." + name for name in ("exec", "fork", "forkpty", "kill", "killpg", "posix_spawn", "spawn", "system")}
_SEEN |= {"_thread.start_new_thread", "_thread.start_joinable_thread", "signal.pthread_kill", "subprocess.Popen"}
_SEEN |= {"sys.monitoring.register_callback", "sys.setprofile", "sys.settrace"}  # audit events
_GUARDED = [("os", name) for name in ("_exit", "abort", "close", "closerange", "dup2", "write", "writev")]
_GUARDED += [("_signal", "raise_signal"), ("signal", "raise_signal")]  # what no audit event precedes
_GUARDED += [("_thread", "start_new_thread"), ("threading", "_start_new_thread")]  # nor these before 3.12


class Bursts:
    """Standard output of this process: whether it is a flood.

    Args:
        watched: Tells whether the cell traces or profiles itself.
    """

    def __init__(self, watched: Callable[[], bool]) -> None:
        self._watched = watched
        streams: Any = sys.__stdout__, sys.__stderr__
        self._text = streams[0]
        self._raw, self._error = streams[0].buffer, streams[1].buffer
        self._write: Callable[[Any], int] = self._raw.write
        self._write_error: Callable[[Any], int] = self._error.write
        self._owner = os.getpid()  # 0 at the end of the interpreter
        self._turn = _thread.RLock()  # a signal's handler may print while the cell prints
        self._over = _thread.allocate_lock()
        self._writes = self._thread = 0
        self._on = self._holds = self._busy = False
        self._replaced: list[tuple[dict[str, Any], str, Any, Any]] = []  # where, name, what was there or None, ours
        atexit.register(self._close)
        sys.addaudithook(self._before)

    def arm(self) -> None:
        """Look again after so many lines: the text layer flushes what is below it at the end of each."""
        self._since = time.monotonic()
        lines = itertools.chain(itertools.repeat(None, _LINES), map(self._look, itertools.repeat(None)))
        vars(self._raw).setdefault("flush", lines.__next__)

    def _look(self, _: None) -> None:
        if vars(self._raw).pop("flush", None) is None:  # another thread looks
            return
        quick = time.monotonic() - self._since < _QUICK_SECONDS
        try:
            if self._watched() or os.getpid() != self._owner or not self._text.write_through:
                return
            if "write" in vars(self._raw) or "write" in vars(self._error):  # the cell's own
                return
            if quick and not self._on and not _thread._count():  # noqa: SLF001 - threading costs much
                self._begin()
            else:
                self.arm()
        except (MemoryError, RuntimeError, TypeError, ValueError):  # detached, no thread to be had: as before, then
            return

    def _begin(self) -> None:
        with self._turn:
            self._over.acquire(blocking=False)
            _thread.start_new_thread(self._watch, ())
            self._thread = -1  # not known yet
            self._writes = 0
            self._replace(vars(self._raw), "write", self._in_turn)
            self._replace(vars(self._error), "write", self._behind)
            self._guard()
            self._text._CHUNK_SIZE = _HELD_BYTES  # noqa: SLF001 - there is no other way to say how much is held
            self._text.reconfigure(line_buffering=False, write_through=False)
            self._on = self._holds = True

    def _watch(self) -> None:
        """End the burst when a moment has passed without much of it; in a thread, of which the cell sees nothing."""
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
        with self._turn:  # when it has begun
            self._thread = _thread.get_native_id()
        left, seen = 2, 0  # twice, as a write that has begun before may hold some behind it
        while left and not self._over.acquire(timeout=_TICK_SECONDS):
            if (left == 1 or self._writes - seen < _FEW) and self._turn.acquire(blocking=False):
                left -= 1
                try:  # noqa: SIM105 - contextlib costs as much as the rest of this module
                    self._write_through()
                except Exception:  # noqa: BLE001, S110 - what the cell has put below
                    pass
                self._turn.release()
            seen = self._writes
        for place, name, before, ours in self._replaced:
            if place.get(name) is ours:
                place.update({name: before}) if before else place.pop(name)
        self._replaced.clear()
        if self._owner:
            self.arm()
        self._on = False

    def _write_through(self) -> None:
        """Hold nothing any more."""
        self._holds = False
        self._set(line_buffering=True, write_through=True)
        self._set()  # what came while that let the first part out

    def end(self) -> None:
        """Let everything out, and end the burst if there is one.

        This thread does it itself, and the other never waits for it: a signal's handler may be what calls, in a write.
        """
        if not self._thread:
            return
        if self._on:
            with self._turn:
                self._write_through()
        if self._over.locked():
            self._over.release()
        for _ in range(_WAITS):
            if not self._on and not os.access("/proc/self/task/%d" % self._thread, os.F_OK):
                break  # the kernel knows the thread no more: os.fork() warns of any (3.12)
            time.sleep(0.0001)
        self._thread = 0

    def _in_turn(self, data: Any) -> int:
        """Write what the text layer lets go, whole also if an interrupt comes.

        While it lets go of what it held, it loses what a signal's handler prints, if it holds that too. So from here
        on it holds nothing, and from its next write, which is of what came meanwhile and loses nothing, it does again.
        """
        with self._turn:
            if self._busy:  # a signal's handler prints
                return self._write(data)
            done: list[int] = []
            self._busy = True
            self._writes += 1
            try:
                held = not self._text.write_through
                if held:
                    self._set(write_through=True)
                done.extend(map(self._write, (data,)))  # an interrupt falls before it or after it, and that is seen
                if self._holds and not held:
                    self._set(write_through=False)
            finally:
                self._busy = False
                if not done:
                    self._again(data)
            return done[0]

    def _again(self, data: Any) -> None:
        try:
            self._write(data)
        except OSError:  # as before: it was no interrupt
            return

    def _set(self, **how: bool) -> None:
        """Change the text layer, which lets out what it holds before; nothing is said if it can't."""
        try:
            self._text.reconfigure(**how)
        except (OSError, ValueError) as error:
            if _is_a_handlers(error):
                raise

    def _behind(self, data: Any) -> int:
        """Write to standard error, after what was printed before."""
        self._set()
        return self._write_error(data)

    def _before(self, event: str, _: object) -> None:
        if event in _SEEN:
            self.end()

    def _guard(self) -> None:
        """Guard what no audit event precedes, as long as the burst lasts."""
        for module, name in _GUARDED:
            place = getattr(sys.modules.get(module), "__dict__", {})
            if name in place:
                self._replace(place, name, self._guarded(place[name]))

    def _replace(self, place: dict[str, Any], name: str, ours: Any) -> None:
        self._replaced.append((place, name, place.get(name), ours))
        place[name] = ours

    def _guarded(self, function: Any) -> Any:
        def guarded(*arguments: Any, **named: Any) -> Any:
            self.end()
            return function(*arguments, **named)

        return guarded

    def _close(self) -> None:
        self._owner = 0
        self.end()


def _is_a_handlers(error: Any) -> bool:
    """Tell whether a signal's handler raised it, and not the stream: as detached, closed, or the descriptor was."""
    return error.__traceback__.tb_next is not None and getattr(error, "errno", None) is None
