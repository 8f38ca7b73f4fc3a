"""A run in the background: a handle to poll, to wait on and to stop."""

from __future__ import annotations

import atexit
import contextvars
import os
import threading
import weakref
from typing import TYPE_CHECKING, Any

from sandbox_magic.execution.drive import drive

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox_magic.execution.drive import View
    from sandbox_magic.execution.run import Run
    from sandbox_magic.model.result import Result

_END_SECONDS = 2.0  # for a run that is stopped when the interpreter ends


class BackgroundRun:
    """A run that goes on while its caller does something else; when it has ended, everything that its `Result` has.

    It ends when it is stopped, and with this process.

    Args:
        run: The run, not started yet.
        view: What shows it, on the run's own thread.
        finish: Called there with its result.
    """

    def __init__(self, run: Run, view: View, finish: Callable[[Result], object] = lambda _: None) -> None:
        self._run = run
        self._result: Result | None = None
        self._error: BaseException | None = None
        self._over = threading.Event()  # a join() that is interrupted takes a thread for ended before Python 3.13

        def work() -> None:
            try:
                self._result = drive(run, view)
                finish(self._result)
            except BaseException as error:  # noqa: BLE001 - whoever waits for the result gets it
                self._error = error
            finally:
                self._over.set()

        context = contextvars.copy_context()  # so that what is written goes to the cell that it belongs to
        threading.Thread(target=context.run, args=(work,), name="sandbox-magic run", daemon=True).start()
        _running.add(self)

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._over.is_set()

    def wait(self, timeout: float | None = None) -> Result:
        """Wait for its end, and return its result.

        Args:
            timeout: In seconds; None waits as long as it takes.

        Raises:
            TimeoutError: It has not ended by then; it goes on.
            SandboxUnavailable: No sandbox could be started, so nothing was run.
            PolicyError: It can't be run with this policy.
        """
        if not self._over.wait(timeout):
            msg = f"the run has not ended within {timeout:g} seconds"
            raise TimeoutError(msg)
        if self._error is not None:
            raise self._error
        return self._ended()

    def stop(self) -> None:
        """Interrupt the code, as Ctrl-C would; it is killed if it does not end within 0.3 s."""
        self._run.interrupt()  # also where its packages are fetched, which may take minutes
        while not self._run.started and not self._over.wait(0.001):
            pass  # its sandbox is starting
        self._run.interrupt()

    def _ended(self) -> Result:
        if self._result is None:
            msg = "the run has not ended: .wait() waits for it, .done says whether it has, .stop() ends it"
            raise AttributeError(msg)
        return self._result

    def __getattr__(self, name: str) -> Any:
        """Return what the result has, once there is one."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._ended(), name)

    def __repr__(self) -> str:
        """Say how it is, in one line."""
        if not self.done:
            return "<BackgroundRun: running>"
        return f"<BackgroundRun: {self._error!r}>" if self._result is None else repr(self._result)


_running: weakref.WeakSet[BackgroundRun] = weakref.WeakSet()


def running() -> list[BackgroundRun]:
    """Return the runs of this process that have not ended."""
    return [each for each in _running if not each.done]


def _forget_all() -> None:
    """Let go of all of them without ending them: this is a forked copy, without the threads that they are on."""
    for each in list(_running):
        each._over = threading.Event()  # noqa: SLF001 - this module's own; another thread may have held its lock
        each._over.set()  # noqa: SLF001
    _running.clear()


os.register_at_fork(after_in_child=_forget_all)


@atexit.register
def _stop_all() -> None:
    for each in running():
        each.stop()
    for each in running():
        each._over.wait(_END_SECONDS)  # noqa: SLF001 - this module's own
