"""The same run in an event loop: ``await arun(...)``, ``async for event in astream(...)``.

A run's loop selects over seven descriptors of its own, locks, and asks processes for what they use; most of its time
it waits. To do that on the event loop itself, every read of /proc and every start of a sandbox would stop all else
there for milliseconds. So runs are driven by threads that all of them share, as many as there are processors: more runs
at once would only slow each other down. A thousand that are asked for are queued, and cost no thread and no sandbox.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
import queue
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sandbox_magic.execution.api import prepare
from sandbox_magic.execution.stopping import Stopper
from sandbox_magic.model.output import InputRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Self, Unpack

    from sandbox_magic.execution.run import Run
    from sandbox_magic.model.events import Event
    from sandbox_magic.model.option_types import Options
    from sandbox_magic.model.policy import Policy
    from sandbox_magic.model.result import Result


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores(), thread_name_prefix="sandbox-magic run")


os.register_at_fork(after_in_child=_threads.cache_clear)  # the threads are the parent's


async def arun(
    source: str | bytes | os.PathLike[str],
    *,
    policy: Policy | None = None,
    files: Mapping[str, bytes] | None = None,
    **options: Unpack[Options],
) -> Result:
    """Run untrusted code in a sandbox and return its result, while the event loop goes on.

    As many run at once as there are processors; the others wait their turn. Cancelling the task ends the code, and
    the task is cancelled when it has ended.

    Args:
        source: As for `sandbox_magic.run`.
        policy: Likewise.
        files: Likewise.
        **options: Likewise.

    Raises:
        PolicyError: An option makes no sense.
        SandboxUnavailable: No sandbox could be started, so nothing was run.
    """
    return await finished(prepare(source, options, policy, files=files))


def astream(
    source: str | bytes | os.PathLike[str],
    *,
    policy: Policy | None = None,
    files: Mapping[str, bytes] | None = None,
    **options: Unpack[Options],
) -> AsyncRun:
    """Return the same run event by event, for ``async for``.

    Args:
        source: As for `sandbox_magic.run`.
        policy: Likewise.
        files: Likewise.
        **options: Likewise.

    Raises:
        PolicyError: An option makes no sense.
    """
    return AsyncRun(prepare(source, options, policy, files=files))


async def finished(run: Run) -> Result:
    """Drive a run to its end on one of the shared threads; cancelled, end it and wait for that."""
    driven = _Driven(run, lambda _: None)
    try:
        await asyncio.wait([driven.end])
    except asyncio.CancelledError:
        await driven.stop()
        raise
    return driven.end.result()


class _Driven:
    """A run on one of the shared threads, or in the queue for one.

    Args:
        run: The run, not started yet.
        take: Called on that thread with each event.
    """

    def __init__(self, run: Run, take: Callable[[Event], object]) -> None:
        self._run = run
        self._stopper = Stopper()
        context = contextvars.copy_context()
        self._turn = _threads().submit(context.run, self._stopper.drive, run, take)
        self.end: asyncio.Future[Result] = asyncio.wrap_future(self._turn)

    def interrupt(self) -> None:
        """Stop it without waiting for its end."""
        self._stopper.stop()
        if self._turn.cancel():  # it had not started
            self._run.close()

    async def stop(self) -> None:
        """Stop it, and wait until nothing of it is left, whoever is cancelled meanwhile."""
        self.interrupt()
        while not self.end.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([self.end])
        if not self.end.cancelled():
            self.end.exception()  # nobody else asks for it


class AsyncRun:
    """One execution of one cell, as `sandbox_magic.Run`: an asynchronous iterator of events, ended by `Ended`.

    It starts, or gets into the queue, when the first event is asked for. Leaving it, by ``aclose``, by the end of an
    ``async with`` block, by cancelling the task that waits for an event or by dropping the last reference, ends the
    code.

    Args:
        run: The run, not started yet.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._driven: _Driven | None = None
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()  # bounded by what a run may show
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._asking = False

    @property
    def result(self) -> Result:
        """The result, once the run has ended or was left; see `sandbox_magic.Run.result`.

        Raises:
            RuntimeError: It has not, or was left before it had started.
        """
        return self._run.result

    def answer(self, text: str | None) -> None:
        """Answer the `InputRequest` that came last; None is the end of input, an EOFError in the code."""
        asking, self._asking = self._asking, False
        if asking:
            self._answers.put(text)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """Return the next event; a question that has not been answered gets the end of input.

        Raises:
            SandboxUnavailable: At the first event, if no sandbox could be started.
        """
        self.answer(None)
        driven = self._driven = self._driven or self._start()
        try:
            event = await self._events.get()
        except asyncio.CancelledError:
            await self.aclose()
            raise
        if event is not None:
            self._asking = isinstance(event, InputRequest)
            return event
        self._events.put_nowait(None)  # whoever asks again gets the same
        if driven.end.done() and not driven.end.cancelled():
            driven.end.result()
        raise StopAsyncIteration

    def _start(self) -> _Driven:
        loop, events, answers, run = asyncio.get_running_loop(), self._events, self._answers, self._run

        def take(event: Event) -> None:  # knows nothing of this object, so that it can be dropped
            loop.call_soon_threadsafe(events.put_nowait, event)
            if isinstance(event, InputRequest):
                run.answer(answers.get())

        run.when_over = lambda: answers.put(None)
        driven = _Driven(run, take)
        driven.end.add_done_callback(lambda _: events.put_nowait(None))
        return driven

    async def aclose(self) -> None:
        """End the run if it has not ended, and wait for that."""
        self.answer(None)
        if self._driven is None:
            self._run.close()
        else:
            await self._driven.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if self._driven is not None:
            self.answer(None)
            self._driven.interrupt()


class AsyncCells:
    """What a session has for event loops."""

    def prepare(self, source: str | bytes | os.PathLike[str], options: Mapping[str, Any]) -> Run:
        """Return a cell's run that has not started."""
        raise NotImplementedError

    def close(self) -> None:
        """End it."""
        raise NotImplementedError

    async def arun(self, source: str | bytes | os.PathLike[str], **options: Unpack[Options]) -> Result:
        """Run a cell to its end and return its result, while the event loop goes on; cancelled, end it first.

        Args:
            source: As for ``run``.
            **options: Likewise.

        Raises:
            PolicyError: An option makes no sense, or belongs to the session.
            SandboxUnavailable: No sandbox could be started, so nothing was run.
            RuntimeError: It is closed, or a cell runs in it.
        """
        return await finished(self.prepare(source, options))

    def astream(self, source: str | bytes | os.PathLike[str], **options: Unpack[Options]) -> AsyncRun:
        """Return a cell's run event by event, as `sandbox_magic.astream`; arguments and errors as for ``arun``."""
        return AsyncRun(self.prepare(source, options))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
