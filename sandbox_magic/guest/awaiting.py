"""Runs a cell that awaits at its top level, on a loop of the standard library's asyncio.

Loaded only for such a cell. The loop lasts, so that what one cell of a session made another can await.
"""

from __future__ import annotations

import asyncio
import types

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Generator
    from types import CodeType, TracebackType
    from typing import Any

_loop: asyncio.AbstractEventLoop | None = None


def run(code: CodeType, namespace: dict[str, Any]) -> None:
    """Run code that is a coroutine; what it raises has a traceback that begins with its own line."""
    try:
        wait_for(eval(code, namespace))  # noqa: S307 - the cell
    except BaseException as error:
        error.__traceback__ = _from(code, error.__traceback__)
        raise error  # noqa: TRY201 - before 3.11 a bare one brings back the whole traceback


def wait_for(coroutine: Any) -> Any:
    """Return what a coroutine returns; an interrupt is raised in it where it waits, as it is where it computes.

    asyncio's own answer to an interrupt (from Python 3.11 on) is to cancel, which code that computes never notices.
    """
    loop = _lasting_loop()
    interrupts: list[KeyboardInterrupt] = []
    task = loop.create_task(_whole(coroutine, interrupts))
    while True:
        try:
            return loop.run_until_complete(task)
        except KeyboardInterrupt as interrupt:
            if task.done():  # it came while the code itself ran, or is what ended it
                raise
            interrupts.append(interrupt)
            task.cancel()


async def _whole(coroutine: Any, interrupts: list[KeyboardInterrupt]) -> Any:
    return await _interruptible(coroutine, interrupts)


@types.coroutine
def _interruptible(coroutine: Any, interrupts: list[KeyboardInterrupt]) -> Generator[Any, Any, Any]:
    """Do what ``await coroutine`` does, but for a cancellation that stands for an interrupt raise that."""
    step, value = coroutine.send, None
    while True:
        try:
            awaited = step(value)
        except StopIteration as end:
            return end.value
        try:
            step, value = coroutine.send, (yield awaited)
        except asyncio.CancelledError as error:
            step, value = coroutine.throw, (interrupts.pop().with_traceback(None) if interrupts else error)
        except BaseException as error:  # noqa: BLE001 - whatever it awaits raises
            step, value = coroutine.throw, error


def _lasting_loop() -> asyncio.AbstractEventLoop:
    global _loop  # noqa: PLW0603 - the one of this process
    if _loop is None or _loop.is_closed():
        _loop = asyncio.new_event_loop()
    asyncio.set_event_loop(_loop)
    return _loop


def finish() -> None:
    """Cancel what is left, as `asyncio.run` does at its end, and close the loop."""
    global _loop
    loop, _loop = _loop, None
    if loop is None or loop.is_closed():
        return
    try:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def _from(code: CodeType, traceback: TracebackType | None) -> TracebackType | None:
    """Return the part of a traceback that begins in the code; all of it where the code is not in it."""
    entry = traceback
    while entry is not None and entry.tb_frame.f_code is not code:
        entry = entry.tb_next
    return entry or traceback
