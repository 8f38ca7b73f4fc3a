"""What the meter costs while 1, 20 and 200 processes sleep in the sandbox: a sample, and its share of one core.

A sample's CPU time is measured here, as the thread's; the share is that over the interval that the meter itself
chooses a second into the run.
"""

from __future__ import annotations

import time

import sandbox_magic as sm
from benchmarks.measure import Row, rounds, row

PROCESSES = (1, 20, 200)
_ELAPSED_SECONDS = 1.0
_CELL = """import os, time
for _ in range({0} - 1):
    if not os.fork(): time.sleep(600)
print('up', flush=True)
time.sleep(600)"""


def measured() -> list[Row]:
    """Return the rows of this subject."""
    return [each for count in PROCESSES for each in _of(count)]


def _of(count: int) -> list[Row]:
    costs, shares = [], []
    with sm.stream(_CELL.format(count), processes=count + 20, memory="2G", timeout=600, warm=False) as run:
        assert any(isinstance(event, sm.Text) for event in run)
        sandbox = run._loop.sandbox  # noqa: SLF001 - the meter is measured alone
        assert sandbox is not None
        for _ in range(rounds(100)):
            began = time.thread_time()
            sample = sandbox.meter.sample(_ELAPSED_SECONDS)
            cost = time.thread_time() - began
            assert sample.processes == count, sample
            costs.append(1000 * cost)
            shares.append(100 * cost / sandbox.meter.interval(_ELAPSED_SECONDS))
    named = f"{count} processes" if count > 1 else "one process"
    return [
        row("sampling", f"CPU time of a sample: {named}", costs, unit="ms"),
        row("sampling", f"share of a core: {named}", shares, unit="%"),
    ]
