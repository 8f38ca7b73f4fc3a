"""How a warm run's time to its result grows with its source, its output, its processes and what is bound.

Ratios are to a run with nothing of that kind.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import Row, alternate, rows
from benchmarks.start import warm

_BASE = "nothing"


def measured() -> list[Row]:
    """Return the rows of this subject."""
    with TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        binds = []
        for number in range(30):
            (Path(directory) / f"{number}").mkdir()
            binds.append(f"{directory}/{number}:d{number}")
        ways = {
            _BASE: warm("pass"),
            "source of 10 kB": warm("x = 1\n" * 1700),
            "source of 1 MB": warm("x = '" + "1" * 1000 + "'\n" + ("#" * 99 + "\n") * 10_000),
            "output of 10 kB": warm("print('x' * 10_000)"),
            "output of 1 MB": warm("print('x' * 1_000_000)"),
            "10 processes": warm(_forks(10)),
            "100 processes": warm(_forks(100), processes=150),
            "30 binds": warm("pass", bind=binds),
            "a second": warm("import time; time.sleep(1)"),
        }
        found = alternate(ways, usual=20)
    only = {name: {"result": each["result"]} for name, each in found.items()}
    return rows("growth", only, unit="ms", base=(_BASE, "result"))


def _forks(count: int) -> str:
    return f"import os\nfor _ in range({count}): os.fork() or os._exit(0)\nfor _ in range({count}): os.wait()"
