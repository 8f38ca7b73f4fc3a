"""Output through the relay with its limit out of the way, beside IPython's ``%%script python3``; and memory.

Both magics run the same code in the same shell, which writes to the same place, a counter. Once the code writes few
large pieces, so that the relay is what takes the time, and once a million lines, where it is mostly the code. Ratios
are to ``%%script python3``. Then, each in a process of its own, by how much this process grows at most.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from IPython.core.interactiveshell import InteractiveShell

from benchmarks.measure import Row, Way, alternate, row, rows, timed

if TYPE_CHECKING:
    from collections.abc import Callable

MEGABYTE = 1_000_000
LINE = "'x' * 99"
PIECES = f"import sys\npiece = ({LINE} + '\\n') * 10_000\nfor _ in range({{megabytes}}): sys.stdout.write(piece)\n"
LINES = f"line = {LINE}\nfor _ in range({{megabytes}} * 10_000): print(line)\n"
_SCRIPT = "%%script python3"


def measured() -> list[Row]:
    """Return the rows of this subject."""
    shell = Shell()
    return [
        *compare(shell, "large pieces", PIECES),
        *compare(shell, "a million lines", LINES),
        *(grown(*each) for each in (("script", 100, "-"), ("sandbox", 100, "1M"), ("sandbox", 1000, "1M"))),
        grown("sandbox", 100, "200M"),
    ]


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


def compare(shell: Shell, name: str, form: str, megabytes: int = 100) -> list[Row]:
    """Alternate the two, and return a row for each."""
    code = form.format(megabytes=megabytes)

    def way(run: Callable[[str], int]) -> Way:
        def checked() -> None:
            shown = run(code)
            assert shown == megabytes * MEGABYTE, shown

        return Way(run=lambda: timed(checked))

    found = alternate({_SCRIPT: way(shell.script), "%%sandbox": way(shell.sandbox)}, usual=5)
    named = {way: {f"{megabytes} MB, {name}": each["result"]} for way, each in found.items()}
    return rows("throughput", named, unit="ms", base=(_SCRIPT, f"{megabytes} MB, {name}"))


def grown(way: str, megabytes: int, keep: str) -> Row:
    """Return the row of a fresh process that relays so much."""
    words = [sys.executable, "-P", "-m", "benchmarks.throughput", way, str(megabytes), keep]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    limit = f", --output-limit {keep}" * (way == "sandbox")
    return row("throughput", f"growth of the host: %%{way}, {megabytes} MB{limit}", [float(said)], unit="MB")


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


if __name__ == "__main__":
    print(growth(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
