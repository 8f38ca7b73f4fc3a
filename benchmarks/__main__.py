"""Measures every subject, prints one table, and writes ``build/bench.json``.

ROUNDS=N: how many rounds in place of each subject's own number. ONLY=start,session: some of the subjects.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import sandbox_magic as sm
from sandbox_magic.jail import bubblewrap

if TYPE_CHECKING:
    from benchmarks.measure import Row

SUBJECTS = (
    "start", "steady", "batch", "session", "sampling", "growth", "standing", "dashboard", "trace", "throughput", "net",
)  # fmt: skip
MORE = ("peers", "serve", "batch_long")  # only where asked for by name: they fetch much, or take minutes
FILE = Path("build/bench.json")
_WIDTH = 52


def main() -> None:
    """Measure, print, write."""
    os.environ.pop("PYTHONUNBUFFERED", None)  # %%script hands it on, and its code would pay for it
    chosen = [word for word in os.environ.get("ONLY", "").split(",") if word] or SUBJECTS
    if unknown := set(chosen) - {*SUBJECTS, *MORE}:
        sys.exit(f"ONLY: no such subject: {', '.join(unknown)}; there are {', '.join((*SUBJECTS, *MORE))}")
    about = _about()
    print(", ".join(f"{name} {value}" for name, value in about.items()))
    print(f"{'':<{_WIDTH}} {'median':>9} {'p99':>9} unit   {'ratio':>6} {'p99':>6}")
    table: list[Row] = []
    for subject in chosen:
        print(f"\n{subject}", flush=True)
        found = importlib.import_module(f"benchmarks.{subject}").measured()
        table += found
        for row in found:
            print(_line(row), flush=True)
    about["load at the end"] = _load()
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps({"about": about, "rows": [asdict(row) for row in table]}, indent=1))


def _about() -> dict[str, object]:
    """Return what the numbers depend on."""
    return {
        "when": time.strftime("%Y-%m-%d %H:%M"), "sandbox-magic": sm.__version__, "python": platform.python_version(),
        "kernel": platform.release(), "processors": os.cpu_count(), "processor": _processor(),
        "bwrap": str(bubblewrap.find()), "memory": sm.run("pass").isolation["memory"].mechanism, "uid": os.getuid(),
        "load": _load(),
    }  # fmt: skip


def _processor() -> str:
    with open("/proc/cpuinfo") as lines:
        return next((line.partition(": ")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _load() -> float:
    """Return the load of the last minute: above 1 before it begins, the machine is shared."""
    return os.getloadavg()[0]


def _line(row: Row) -> str:
    numbers = " ".join(_number(value, 9, 2) for value in (row.median, row.p99))
    ratios = " ".join(_number(value, 6, 3) for value in (row.ratio, row.p99_ratio))
    return f"{row.what:<{_WIDTH}} {numbers} {row.unit:<6} {ratios}  {row.note}".rstrip()


def _number(value: float | None, width: int, digits: int) -> str:
    return " " * width if value is None else f"{value:{width}.{digits}f}"


if __name__ == "__main__":
    main()
