"""Ten runs a second for a minute: how many are warm, and how long they take. STEADY_SECONDS=N: for so long.

A run is due at a fixed moment, whether the one before it took long or not; one that is late begins at once.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import sandbox_magic as sm
from benchmarks.measure import Row, Way, alternate, row
from benchmarks.start import CELL, command, plain_python
from sandbox_magic.jail import pool

SECONDS = float(os.environ.get("STEADY_SECONDS", "60"))
EVERY_SECONDS = 0.1


def measured() -> list[Row]:
    """Return the rows of this subject; ratios are to the result of ``python3``, measured just before."""
    with TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        python = plain_python(Path(directory))
        plain = alternate({"python3": Way(run=lambda: command(python, "-c", CELL))}, usual=20)["python3"]["result"]
    base = row("steady", "result: python3", plain, unit="ms")
    sm.run(CELL)
    assert pool.spares.filled(60)
    times, warm = [], 0
    began = time.perf_counter()
    for number in range(int(SECONDS / EVERY_SECONDS)):
        time.sleep(max(0.0, began + number * EVERY_SECONDS - time.perf_counter()))
        called = time.perf_counter()
        warm += sm.run(CELL).usage.warm
        times.append(1000 * (time.perf_counter() - called))
    pool.spares.drop()
    share = [100 * warm / len(times)]
    return [
        base,
        row("steady", f"result: {len(times)} runs, ten a second", times, unit="ms", base=base.median),
        row("steady", "of them warm", share, unit="%"),
    ]
