"""`run` and `stream`: untrusted code in, a result or events out."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sandbox_magic.execution.cell import Cell
from sandbox_magic.execution.run import Run
from sandbox_magic.model import languages as _languages
from sandbox_magic.model import options as _options
from sandbox_magic.model.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from sandbox_magic.model.output import InputRequest
    from sandbox_magic.model.policy import Policy
    from sandbox_magic.model.result import Result


_AGAIN_SECONDS = 2.0  # after an interrupt, which ends a run within half a second

_FIELDS = {option.keyword: option.field for option in _options.OPTIONS if option.scope == "run"}


def run(source: str | bytes, *, policy: Policy | None = None, **options: object) -> Result:
    """Run untrusted code in a sandbox and give its result.

    How the code ends never raises; Ctrl-C ends the code and is an outcome too (pressed again when
    two seconds have not ended it, it raises KeyboardInterrupt).

    Args:
        source: The code, run as ``__main__`` from a file, verbatim.
        policy: What it may see, use and do.
        **options: Options of the table (`sandbox_magic.model.options.OPTIONS`), on top of the policy:
            ``timeout=5``, ``memory="256M"``, ``stdin="..."``, ``args=["a"]``.

    Raises:
        PolicyError: An option makes no sense.
        SandboxUnavailable: No sandbox could be started, so nothing was run.
    """
    with stream(source, policy=policy, **options) as events, interrupting(events):
        for _ in events:
            pass
        return events.result


def stream(source: str | bytes, *, policy: Policy | None = None, **options: object) -> Run:
    """Give the same run event by event: `Text`, `Display`, `Sample` as they come, then `Ended`.

    The run starts with the first event asked for, and ends if the iterator is dropped. An
    `InputRequest` is answered with `Run.answer` before the next event is asked for.

    Raises:
        PolicyError: An option makes no sense.
    """
    values = _options.read(options, ("limits", "policy", "run"))
    if not isinstance(source, (str, bytes)):
        msg = f"the source is a {type(source).__name__}"
        raise PolicyError(msg, remedy="the code as a string or bytes")
    text = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    given = {_FIELDS[name]: values.pop(name) for name in list(values) if name in _FIELDS}
    if isinstance(given.get("inputs"), tuple):  # as a magic gives them, which knows the values
        msg = f"option input: {', '.join(given['inputs'])} without a value"  # type: ignore[arg-type] # names
        raise PolicyError(msg, remedy='a dict: inputs={"x": x}')
    language = given["language"] = _languages.of(text, given.get("language"), given.get("languages", ()))  # type: ignore[arg-type] # parsed by the table
    if language.commands and (given.get("inputs") or given.get("outputs")):
        msg = f"variables go to and from Python only, and this is {language.name}"
        raise PolicyError(msg, remedy="stdin, args or --bind for what goes in; print or --save for what comes out")
    cell = Cell(source=text, **given)  # type: ignore[arg-type] # parsed by the table
    return Run(cell, _options.to_policy(values, policy))


@contextmanager
def interrupting(run: Run) -> Iterator[None]:
    """While the block runs, Ctrl-C interrupts the run instead of raising, and pressed again at once changes nothing.

    So it can't fall between an event and what is done with it. Pressed when two seconds have not brought
    the end, it raises. While a question of the code's is on screen it does raise, and so does the end of
    the run: whoever waits for the answer must stop. Where no handler can be set (on another thread than
    the main one, which gets no signals either), nothing changes.
    """
    before = signal.getsignal(signal.SIGINT)
    over = threading.Event()
    pressed: list[float] = []  # when it was interrupted

    def wake() -> None:
        over.set()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def handle(number: int, frame: FrameType | None) -> None:
        if run.asking:
            raise KeyboardInterrupt
        if over.is_set():  # the answer came just then
            over.clear()
        elif run.started and not run.interrupted:
            pressed.append(time.monotonic())
            run.interrupt()
        elif pressed and time.monotonic() - pressed[0] < _AGAIN_SECONDS:
            pass  # it is ending
        elif callable(before):
            before(number, frame)

    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    signal.signal(signal.SIGINT, handle)
    run.when_over = wake
    try:
        yield
    finally:
        run.when_over = lambda: None
        signal.signal(signal.SIGINT, before)


def answering(run: Run, request: InputRequest, ask: Callable[[InputRequest], str | None]) -> None:
    """Answer a question of the code's; who stops instead of answering ends the run.

    Args:
        run: The run.
        request: The event that it gave.
        ask: Gives what the person types, None for the end of input; KeyboardInterrupt if stopped.
    """
    try:
        run.answer(ask(request))
    except KeyboardInterrupt:
        run.interrupt()  # nothing happens if it raised because the run is over
        run.answer(None)
