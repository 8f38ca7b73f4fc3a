"""Runs a cell that awaits at its top level, on a loop of the standard library's asyncio.

Loaded only for such a cell. The loop lasts, so that what one cell of a session made another can await.
"""

from __future__ import annotations

import asyncio

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
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
    """Return what a coroutine returns; an interrupt ends it at the line where it waits.

    asyncio's own answer to an interrupt (from Python 3.11 on) is to cancel, which code that computes never notices.
    """
    loop = _lasting_loop()
    task = loop.create_task(coroutine)
    try:
        return loop.run_until_complete(task)
    except KeyboardInterrupt as interrupt:
        if task.done():  # it came while the code itself ran
            raise
        task.cancel()
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError as cancelled:
            raise interrupt.with_traceback(_where(cancelled)) from None
        raise


def _where(cancelled: BaseException) -> TracebackType | None:
    """Return the traceback of the place that was cancelled; before Python 3.11 another error has it."""
    origin = cancelled.__context__
    return _where(origin) if isinstance(origin, asyncio.CancelledError) else cancelled.__traceback__


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
