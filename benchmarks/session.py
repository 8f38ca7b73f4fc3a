"""How long a session's cell takes from the call to its result, beside an ordinary kernel, and what a snapshot costs.

Ratios are to ipykernel.

- ipykernel: an ordinary kernel, ``execute`` to reply and idle;
- session: `Session.run`, with a snapshot before each cell (``undo=1``) and without (``undo=0``);
- 1 GB: the same in a session that holds a gigabyte of an array of NumPy's;
- death: a cell whose process ends, and the next cell, which runs on the state before it.
"""

from __future__ import annotations

from contextlib import ExitStack

from jupyter_client.manager import start_new_kernel

import sandbox_magic as sm
from benchmarks.measure import Row, Way, alternate, rows, timed

CELL = "1"
_GIGABYTE = "import numpy as np; held = np.ones(2**27)"


def measured() -> list[Row]:
    """Return the rows of this subject."""
    with ExitStack() as stack:
        ways = {
            "ipykernel": kernel(stack),
            "session": session(stack, undo=1),
            "session, undo=0": session(stack, undo=0),
            "session, 1 GB": session(stack, undo=1, first=_GIGABYTE, memory="4G"),
            "session, 1 GB, undo=0": session(stack, undo=0, first=_GIGABYTE, memory="4G"),
            "death and the next cell": death(stack),
        }
        found = alternate(ways, usual=100, pause_seconds=0.01)
    return rows("session", found, unit="ms", base=("ipykernel", "result"))


def kernel(stack: ExitStack) -> Way:
    """Start an ordinary kernel; return what runs the cell in it."""
    manager, client = start_new_kernel()
    stack.callback(manager.shutdown_kernel, now=True)
    stack.callback(client.stop_channels)
    return Way(run=lambda: timed(lambda: client.execute_interactive(CELL, output_hook=lambda _: None)))


def session(stack: ExitStack, *, undo: int, first: str = "pass", memory: str = "512M") -> Way:
    """Begin a session; return what runs the cell in it."""
    begun = stack.enter_context(sm.Session(undo=undo, memory=memory, timeout=60))
    begun.run(first).check()
    return Way(run=lambda: timed(lambda: begun.run(CELL)))


def death(stack: ExitStack) -> Way:
    """Begin a session; return what kills it and runs the cell on the state before."""
    begun = stack.enter_context(sm.Session(timeout=60))
    begun.run("pass").check()

    def run() -> None:
        assert begun.run("import os; os._exit(1)").restored
        begun.run(CELL).check()

    return Way(run=lambda: timed(run))
