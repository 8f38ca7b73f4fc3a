"""What it costs to list what the code tries: the same program without ``--trace`` and with it, each in a cold sandbox.

By the run's own clock, and by how long it waited for its sandbox. Ratios are to the same program without.
"""

from __future__ import annotations

import sandbox_magic as sm
from benchmarks.measure import Row, Way, alternate, rows

PROGRAMS = {
    "computes": "s = 0\nfor i in range(4_000_000): s += i * i",
    "import pandas": "import pandas",
    "opens 10,000 files": "import os\nfor _ in range(10_000): open(os.__file__).close()",
    "starts 50 programs": "import subprocess\nfor _ in range(50): subprocess.run(['/bin/true'])",
}
_WITHOUT, _WITH = "without --trace", "with --trace"


def measured() -> list[Row]:
    """Return the rows of this subject."""
    sm.run("import pandas", memory="1G")  # its files are in memory then
    return [row for what in PROGRAMS for row in compare(what)]


def compare(what: str) -> list[Row]:
    """Alternate the two ways; return a row for each."""
    ways = {
        _WITHOUT: Way(run=lambda: timed(what, trace=False)),
        _WITH: Way(run=lambda: timed(what, trace=True)),
    }
    return rows("trace", alternate(ways, usual=9), unit="ms", base=(_WITHOUT, what))


def timed(what: str, *, trace: bool) -> dict[str, float]:
    """Run a program; return milliseconds of it, and of its sandbox's start."""
    usage = sm.run(PROGRAMS[what], trace=trace, warm=False, memory="1G", timeout=120).check().usage
    return {what: usage.wall_seconds * 1000, f"{what}: start": usage.park_seconds * 1000}
