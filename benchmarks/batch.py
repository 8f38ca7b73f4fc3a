"""Short cells a second, as many at once as there are processors: `run_many` cold and warm, beside ``xargs``.

``xargs`` runs ``python3`` without any sandbox, or the same bwrap with the same view by hand. Ratios are to the latter,
and above 1 is faster. Over Dask, a ``LocalCluster`` of processes runs the cells. Each round runs 60 cells in each way;
ROUNDS=N: so many rounds.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import distributed

import sandbox_magic as sm
from benchmarks.measure import Row, Way, alternate, rows
from benchmarks.start import CELL, IN_VIEW, plain_python, words_of_hand
from sandbox_magic.execution.asynchronous import cores
from sandbox_magic.jail import pool, teardown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

CELLS = 60
_BY_HAND = "xargs, bwrap by hand"


def measured() -> list[Row]:
    """Return the rows of this subject."""
    make: Any = distributed  # it has no types
    cluster = make.LocalCluster(n_workers=cores(), threads_per_worker=1, dashboard_address=None)
    with TemporaryDirectory() as directory, cluster, make.Client(cluster) as client:
        Path(directory).chmod(0o755)
        found = alternate(ways(Path(directory), client.get_executor()), usual=5)
    pool.spares.drop()
    return rows("batch", found, unit="/s", base=(_BY_HAND, "cells"))


def ways(directory: Path, dask: Executor) -> dict[str, Way]:
    """Return each way under its name.

    Args:
        directory: Where files may be made.
        dask: The executor of a cluster.
    """
    file, python, by_hand = directory / "cell.py", plain_python(directory), words_of_hand(directory / "by-hand")
    file.write_text(CELL)
    return {
        "xargs, python3": Way(run=lambda: rate(lambda: with_xargs((python,), str(file)))),
        _BY_HAND: Way(run=lambda: rate(lambda: with_xargs(by_hand, IN_VIEW))),
        "run_many, cold": Way(run=lambda: rate(lambda: ours(warm=False)), prepare=settled),
        "run_many, warm": Way(run=lambda: rate(lambda: ours(warm=True)), prepare=settled),
        "run_many, Dask, cold": Way(run=lambda: rate(lambda: ours(warm=False, executor=dask)), prepare=settled),
        "run_many, Dask, warm": Way(run=lambda: rate(lambda: ours(warm=True, executor=dask)), prepare=settled),
    }


def rate(run: Callable[[], int]) -> dict[str, float]:
    """Return how many cells a second were run; each must have printed what it should."""
    began = time.perf_counter()
    printed = run()
    seconds = time.perf_counter() - began
    assert printed == CELLS, printed
    return {"cells": CELLS / seconds}


def with_xargs(words: Sequence[str], file: str) -> int:
    """Run a file again and again with this command; return how often it has printed; two may share a line."""
    command = ("xargs", f"-P{cores()}", "-n1", *words)
    done = subprocess.run(
        command, input=f"{file}\n" * CELLS, stdout=subprocess.PIPE, text=True, env={"PATH": "/usr/bin:/bin"}, cwd="/",
        check=True,
    )  # fmt: skip
    return done.stdout.count("1")


def ours(*, warm: bool, executor: Executor | None = None) -> int:
    """Run the cell again and again; return how often it has printed."""
    return sum(row.stdout == "1\n" for row in sm.run_many([CELL] * CELLS, executor=executor, warm=warm))


def settled() -> None:
    """Wait until nothing of the round before is left: spares that are parked, sandboxes that are taken down."""
    assert pool.spares.filled(60)
    teardown.pending.wait()
