"""How long a session's cell takes from the call to its result, beside an ordinary kernel, and what a snapshot costs.

All ways run the same cell, alternating in one process, so that each meets the same machine. Median and p99 in
milliseconds; written to ``build/session.json`` too.

- ipykernel: an ordinary kernel, ``execute`` to reply and idle;
- session: `Session.run`, with a snapshot before each cell (``undo=1``) and without (``undo=0``);
- 1 GB: the same in a session that holds a gigabyte of an array of NumPy's;
- death: a cell whose process ends, and the next cell, which runs on the state before it.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_client.manager import start_new_kernel

import sandbox_magic as sm

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = int(os.environ.get("ROUNDS", "100"))
PAUSE_SECONDS = 0.01
CELL = "1"
FILE = Path("build/session.json")
_GIGABYTE = "import numpy as np; held = np.ones(2**27)"


def kernel(stack: ExitStack) -> Callable[[], object]:
    """Start an ordinary kernel; return what runs the cell in it."""
    manager, client = start_new_kernel()
    stack.callback(manager.shutdown_kernel, now=True)
    stack.callback(client.stop_channels)
    return lambda: client.execute_interactive(CELL, output_hook=lambda _: None)


def session(stack: ExitStack, *, undo: int, first: str = "pass", memory: str = "512M") -> Callable[[], object]:
    """Begin a session; return what runs the cell in it."""
    begun = stack.enter_context(sm.Session(undo=undo, memory=memory, timeout=60))
    begun.run(first).check()
    return lambda: begun.run(CELL)


def death(stack: ExitStack) -> Callable[[], object]:
    """Begin a session; return what kills it and runs the cell on the state before."""
    begun = stack.enter_context(sm.Session(timeout=60))
    begun.run("pass").check()

    def run() -> None:
        assert begun.run("import os; os._exit(1)").restored
        begun.run(CELL).check()

    return run


def main() -> None:
    """Print a table, and write the file."""
    with ExitStack() as stack:
        ways = {
            "ipykernel": kernel(stack),
            "session": session(stack, undo=1),
            "session, undo=0": session(stack, undo=0),
            "session, 1 GB": session(stack, undo=1, first=_GIGABYTE, memory="4G"),
            "session, 1 GB, undo=0": session(stack, undo=0, first=_GIGABYTE, memory="4G"),
            "death and the next cell": death(stack),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, run in ways.items():
                began = time.perf_counter()
                run()
                times[name].append(1000 * (time.perf_counter() - began))
                time.sleep(PAUSE_SECONDS)
    base = statistics.median(times["ipykernel"])
    print(f"{ROUNDS} rounds of the cell {CELL!r}: milliseconds from the call to the result\n")
    print("| | median | p99 | median to ipykernel's |\n| --- | --- | --- | --- |")
    for name, each in times.items():
        median, p99 = statistics.median(each), statistics.quantiles(each, n=100)[98]
        print(f"| {name} | {median:.1f} | {p99:.1f} | {median / base:.2f} |")
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps({"rounds": ROUNDS, "milliseconds": times}))


if __name__ == "__main__":
    main()
