"""Lines that a cell prints by the thousand go out several at a time.

The sandbox's Python writes each piece of text through at once: nothing is late, and nothing is lost when it is killed.
But a write costs five times what the rest of print() does. So while a cell floods its output, text is held until there
are four kilobytes of it, and from the first moment without much of it everything goes through again. What is held goes
out before anything else that could be seen or could end the process: see `_SEEN` and `_guarded`.

Only while the cell has a single thread: up to 3.12 the text layer loses text that comes while it writes, if it holds
any (CPython issue 119506).
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
_LONGEST_SECONDS = 1.0  # to wait for a write that hangs
_SEEN = {"os." + name for name in ("exec", "fork", "forkpty", "kill", "killpg", "posix_spawn", "spawn", "system")}
_SEEN |= {"subprocess.Popen", "_thread.start_new_thread", "_thread.start_joinable_thread"}  # audit events


class Bursts:
    """Standard output of this process: whether it is a flood."""

    def __init__(self) -> None:
        streams: Any = sys.__stdout__, sys.__stderr__
        self._text = streams[0]
        self._raw, self._error = streams[0].buffer, streams[1].buffer
        self._write: Callable[[Any], int] = self._raw.write
        self._write_error: Callable[[Any], int] = self._error.write
        self._owner = os.getpid()
        self._turn = _thread.RLock()  # a signal's handler may print while the cell prints
        self._over, self._ended = _thread.allocate_lock(), _thread.allocate_lock()
        self._writes = self._thread = self._chunk = 0
        self._hooked = self._closed = self._on = self._holds = self._busy = False
        self._replaced: list[tuple[dict[str, Any], str, Any, Any]] = []  # where, name, what was there, what is

    def arm(self) -> None:
        """Look again after so many lines: the text layer flushes what is below it at the end of each."""
        self._since = time.monotonic()
        lines = itertools.chain(itertools.repeat(None, _LINES), map(self._look, itertools.repeat(None)))
        vars(self._raw)["flush"] = lines.__next__

    def _look(self, _: None) -> None:
        if vars(self._raw).pop("flush", None) is None:  # another thread looks
            return
        quick = time.monotonic() - self._since < _QUICK_SECONDS
        try:
            if self._closed or os.getpid() != self._owner or not self._text.write_through:
                return
            if quick and not self._ended.locked() and not _thread._count():  # noqa: SLF001 - threading costs much
                self._begin()
            else:
                self.arm()
        except Exception:  # noqa: BLE001 - detached, closed, no thread to be had: then all goes through as before
            return

    def _begin(self) -> None:
        if not self._hooked:
            self._hooked = True
            atexit.register(self._close)
            sys.addaudithook(self._before)
        with self._turn:
            self._over.acquire(blocking=False)
            self._ended.acquire()
            try:
                _thread.start_new_thread(self._watch, ())
            except RuntimeError:
                self._ended.release()
                raise
            self._writes = 0
            vars(self._raw)["write"] = self._in_turn
            vars(self._error)["write"] = self._behind
            self._guard()
            self._chunk = self._text._CHUNK_SIZE  # noqa: SLF001 - there is no other way to say how much is held
            self._text._CHUNK_SIZE = _HELD_BYTES  # noqa: SLF001 - likewise
            self._text.reconfigure(line_buffering=False, write_through=False)
            self._on = self._holds = True

    def _watch(self) -> None:
        """End the burst when a moment has passed without much of it; in a thread, of which the cell sees nothing."""
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
        with self._turn:  # when it has begun
            self._thread = _thread.get_native_id()
        asked, seen = self._over.acquire(timeout=_TICK_SECONDS), 0
        while not asked and self._writes - seen >= _FEW:
            seen = self._writes
            asked = self._over.acquire(timeout=_TICK_SECONDS)
        self._write_through()
        if not asked:
            self._over.acquire(timeout=_TICK_SECONDS)
            self._write_through()  # what a write held that had begun before
        for stream in (self._raw, self._error):
            vars(stream).pop("write", None)
        for place, name, before, guarded in self._replaced:
            if place.get(name) is guarded:
                place[name] = before
        if not self._closed:
            self.arm()
        self._on = False
        self._ended.release()

    def _write_through(self) -> None:
        with self._turn:
            self._holds = False
            try:
                self._text._CHUNK_SIZE = self._chunk  # noqa: SLF001 - as above
                self._text.reconfigure(line_buffering=True, write_through=True)
                self._text.flush()  # what came while that let the first part out
            except Exception:  # noqa: BLE001 - closed or detached, and thereby flushed
                return

    def end(self) -> None:
        """Let everything out, and end the burst if there is one."""
        if not self._on:
            return
        if self._over.locked():
            self._over.release()
        if self._ended.acquire(timeout=_LONGEST_SECONDS):
            self._ended.release()
            _wait_for_end(self._thread)

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
                    self._write(data)
            return done[0]

    def _set(self, **how: bool) -> None:
        """Change the text layer, which lets out what it holds before."""
        try:
            self._text.reconfigure(**how)
        except Exception:  # noqa: BLE001 - closed or detached
            return

    def _behind(self, data: Any) -> int:
        """Write to standard error, after what was printed before."""
        self._set()
        return self._write_error(data)

    def _before(self, event: str, _: object) -> None:
        if event in _SEEN:
            self.end()

    def _guard(self) -> None:
        """Guard what no audit event precedes, as long as the burst lasts."""
        threads = vars(sys.modules["threading"]) if "threading" in sys.modules else {}
        places = (vars(os), "_exit"), (vars(_thread), "start_new_thread"), (threads, "_start_new_thread")
        self._replaced = [
            (place, name, place[name], self._guarded(place[name])) for place, name in places if name in place
        ]
        for place, name, _, guarded in self._replaced:
            place[name] = guarded

    def _guarded(self, function: Any) -> Any:
        def guarded(*arguments: Any, **named: Any) -> Any:
            self.end()
            return function(*arguments, **named)

        return guarded

    def _close(self) -> None:
        self._closed = True
        self.end()


def _wait_for_end(thread: int) -> None:
    """Wait until the kernel knows the thread no more: os.fork() warns of any (3.12)."""
    for _ in range(100):
        try:
            os.stat("/proc/self/task/%d" % thread)
        except OSError:
            return
        time.sleep(0.0001)
