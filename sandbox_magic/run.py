"""`run` and `stream`: untrusted code in, a result or events out."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sandbox_magic import options as _options
from sandbox_magic.errors import PolicyError
from sandbox_magic.loop import Run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from sandbox_magic.policy import Policy
    from sandbox_magic.result import Result


def run(source: str | bytes, *, policy: Policy | None = None, **options: object) -> Result:
    """Run untrusted code in a sandbox and give its result.

    How the code ends never raises; Ctrl-C ends the code and is an outcome too (a second Ctrl-C
    raises KeyboardInterrupt).

    Args:
        source: The code, run as ``__main__`` from a file, verbatim.
        policy: What it may see, use and do.
        **options: Options of the table (`sandbox_magic.options.OPTIONS`), on top of the policy:
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
    """Give the same run event by event: `Text` and `Sample` as they come, then `Ended`.

    The run starts with the first event asked for, and ends if the iterator is dropped.

    Raises:
        PolicyError: An option makes no sense.
    """
    values = _options.read(options, ("limits", "policy", "run"))
    if not isinstance(source, (str, bytes)):
        msg = f"the source is a {type(source).__name__}"
        raise PolicyError(msg, remedy="the code as a string or bytes")
    text = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    given = {name: values.pop(name) for name in ("stdin", "args") if name in values}
    return Run(text, _options.to_policy(values, policy), stdin=given.get("stdin", b""), arguments=given.get("args", ()))  # type: ignore[arg-type] # parsed by the table


@contextmanager
def interrupting(run: Run) -> Iterator[None]:
    """While the block runs, Ctrl-C interrupts the run instead of raising; the second one raises.

    So it can't fall between an event and what is done with it. Where no handler can be set (on
    another thread than the main one, which gets no signals either), nothing changes.
    """
    before = signal.getsignal(signal.SIGINT)

    def handle(number: int, frame: FrameType | None) -> None:
        if run.started and not run.interrupted:
            run.interrupt()
        elif callable(before):
            before(number, frame)

    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
