"""Takes sandboxes down behind the results of their runs, on one thread, for which the interpreter waits when it ends.

Nothing untrusted runs in them any more, or it has been killed; what is left is the kernel's work: a few milliseconds
for namespaces, seconds for a tmpfs with a million files. The thread ends when nothing is left.
"""

from __future__ import annotations

import os
import select
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_WAITING = 64  # then who brings another one takes it down
_LOOK_SECONDS = 0.01  # between two looks whether there are more


class Teardown:
    """What is to be taken down, each as soon as a process has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, Callable[[], None]] = {}
        self._thread: threading.Thread | None = None

    def add(self, pidfd: int, finish: Callable[[], None]) -> None:
        """Call ``finish`` when the process has ended.

        Args:
            pidfd: The process; the descriptor stays open until then.
            finish: Releases what the process held.
        """
        with self._lock:
            taken = len(self._waiting) < _MOST_WAITING and self._start()
            if taken:
                self._waiting[pidfd] = finish
        if not taken:
            finish()

    def wait(self) -> None:
        """Wait until nothing is left."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _start(self) -> bool:
        """Start the thread unless it is there; return whether it is."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="sandbox-magic teardown", daemon=False)
            try:
                self._thread.start()
            except RuntimeError:  # none can be had
                self._thread = None
        return self._thread is not None

    def _serve(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                waiting = list(self._waiting)
            for pidfd in _ended(waiting):
                with self._lock:  # its number is free once it is finished
                    finish = self._waiting.pop(pidfd)
                with suppress(Exception):  # what can't be removed now is swept by a later start
                    finish()


def _ended(pidfds: list[int]) -> list[int]:
    poll = select.poll()
    for pidfd in pidfds:
        poll.register(pidfd, select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll(_LOOK_SECONDS * 1000)]


pending: Teardown = Teardown()
# In a forked copy of this process there is no thread, and what waits is its parent's.
os.register_at_fork(after_in_child=pending.__init__)  # type: ignore[misc]
