"""100 MB of output through the relay with its limit out of the way, beside IPython's ``%%script python3``; and memory.

Both magics run the same code in the same shell, which writes to the same place, a counter; alternating, median and
p99. Once the code writes few large pieces, so that the relay is what takes the time, and once a million lines, where
it is mostly the code. Then, each in a process of its own, by how much this process grows at most.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from IPython.core.interactiveshell import InteractiveShell

if TYPE_CHECKING:
    from collections.abc import Callable

os.environ.pop("PYTHONUNBUFFERED", None)  # %%script hands it on, and its code would pay for it
ROUNDS = int(os.environ.get("ROUNDS", "5"))
MEGABYTE = 1_000_000
LINE = "'x' * 99"
PIECES = f"import sys\npiece = ({LINE} + '\\n') * 10_000\nfor _ in range({{megabytes}}): sys.stdout.write(piece)\n"
LINES = f"line = {LINE}\nfor _ in range({{megabytes}} * 10_000): print(line)\n"
WIDTH = 44


class Counter:
    """Stands for ``sys.stdout``; keeps nothing."""

    def __init__(self) -> None:
        self.characters = 0

    def write(self, text: str) -> int:
        """Count it."""
        self.characters += len(text)
        return len(text)

    def flush(self) -> None:
        """Do nothing."""


class Shell:
    """IPython without a terminal, its output counted."""

    def __init__(self) -> None:
        self._shell = InteractiveShell.instance()
        self._shell.run_line_magic("load_ext", "sandbox_magic")

    def script(self, code: str) -> int:
        """Run it under ``%%script``; return how many characters were shown."""
        return self._run("script", "python3", code)

    def sandbox(self, code: str, keep: str = "200M") -> int:
        """Run it under ``%%sandbox``; likewise."""
        return self._run("sandbox", f"--quiet --no-dashboard --timeout none --output-limit {keep}", code)

    def _run(self, magic: str, line: str, code: str) -> int:
        before, sys.stdout = sys.stdout, Counter()
        try:
            self._shell.run_cell_magic(magic, line, code)  # type: ignore[no-untyped-call] # IPython's are not all typed
            return sys.stdout.characters
        finally:
            sys.stdout = before
            self._shell.user_ns.pop("_sandbox", None)


def compare(shell: Shell, name: str, form: str, megabytes: int = 100) -> None:
    """Alternate the two and print a row for each."""
    code = form.format(megabytes=megabytes)
    ways: dict[str, Callable[[str], int]] = {"%%script python3": shell.script, "%%sandbox": shell.sandbox}
    found: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, run in ways.items():
            began = time.perf_counter()
            shown = run(code)
            found[way].append(time.perf_counter() - began)
            assert shown == megabytes * MEGABYTE, shown
    base = statistics.median(found["%%script python3"])
    for way, times in found.items():
        median, p99 = statistics.median(times), sorted(times)[int(0.99 * (len(times) - 1))]
        row = f"{f'{name}: {way}':<{WIDTH}} {megabytes / median:7.1f} {median:8.2f} {p99:8.2f}"
        print(f"{row}   {base / median:5.2f}", flush=True)


def growth(way: str, megabytes: int, keep: str) -> float:
    """Return by how many megabytes this process grew at most while it relayed so much; after one run to warm up."""
    shell = Shell()
    run = shell.script if way == "script" else (lambda code: shell.sandbox(code, keep))
    run(PIECES.format(megabytes=1))
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # from here on, the peak: proc(5)
    run(PIECES.format(megabytes=megabytes))
    return (_status("VmHWM") - before) * 1024 / MEGABYTE


def _status(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", Path("/proc/self/status").read_text("ascii"), re.MULTILINE)
    assert found
    return int(found[1])


def memory() -> None:
    """Print how a fresh process grows."""
    rows = [("script", 100, "-"), ("sandbox", 10, "1M"), ("sandbox", 100, "1M"), ("sandbox", 1000, "1M")]
    for way, megabytes, keep in [*rows, ("sandbox", 100, "200M")]:
        command = [sys.executable, "-P", __file__, way, str(megabytes), keep]
        grown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        what = f"%%{way}, {megabytes} MB" + (f" with --output-limit {keep}" if way == "sandbox" else "")
        print(f"{what:<{WIDTH}} {float(grown):7.1f}", flush=True)


def main() -> None:
    """Print both tables."""
    print(f"100 MB of output, {ROUNDS} rounds, {sys.version.split()[0]}")
    print(f"{'':<{WIDTH}} {'MB/s':>7} {'median s':>8} {'p99 s':>8}   {'ratio':>5}")
    shell = Shell()
    compare(shell, "large pieces", PIECES)
    compare(shell, "a million lines", LINES)
    print(f"{'the host grows at most by':<{WIDTH}} {'MB':>7}")
    memory()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(growth(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
    else:
        main()
