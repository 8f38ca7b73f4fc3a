"""What it costs to be there: the memory of a spare, and ``%load_ext sandbox_magic`` beyond IPython's own start.

The memory is the ``Pss`` of a spare's processes (/proc/PID/smaps_rollup), to which a shared page adds its share; that
of processes of another user can be read by root only. The extension is loaded by a fresh process each time.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import sandbox_magic as sm
from benchmarks.measure import Row, Way, alternate, rounds, row, rows
from benchmarks.start import command
from sandbox_magic.jail import pool

_MEGABYTE = 1_000_000
_SHELL = "from IPython.core.interactiveshell import InteractiveShell as S; s = S.instance()"


def measured() -> list[Row]:
    """Return the rows of this subject."""
    alone = f"{_SHELL}; s.run_cell('1', silent=True)"
    loaded = f"{alone}; s.run_line_magic('load_ext', 'sandbox_magic')"
    times = alternate({"IPython": _process(alone), "with %load_ext": _process(loaded)}, usual=20)
    pairs = zip(times["with %load_ext"]["result"], times["IPython"]["result"], strict=True)
    return [
        _memory("a spare"),
        _memory("a spare with pandas", preload="pandas"),
        *rows("standing", times, unit="ms", base=("IPython", "result")),
        row("standing", "result: later by, with %load_ext", [later - plain for later, plain in pairs], unit="ms"),
    ]


def _process(source: str) -> Way:
    return Way(run=lambda: command(sys.executable, "-P", "-c", source))


def _memory(name: str, **options: object) -> Row:
    found = []
    for _ in range(min(5, rounds(5))):
        pool.spares.drop()
        sm.run("pass", **options)  # type: ignore[arg-type] # as given
        assert pool.spares.filled(60)
        (spare,) = pool.spares._spares  # noqa: SLF001 - nobody else needs to know
        below = list(_tree(spare.sandbox._process.pid))  # noqa: SLF001 - likewise
        try:
            found.append(sum(map(_own_bytes, below)) / _MEGABYTE)
        except PermissionError:
            return Row(subject="standing", what=f"memory: {name}", note="can be read by root only")
    pool.spares.drop()
    return row("standing", f"memory: {name}", found, unit="MB")


def _tree(pid: int) -> list[int]:
    listed = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [pid, *(each for pids in listed for child in pids for each in _tree(int(child)))]


def _own_bytes(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return 1024 * sum(int(size) for size in re.findall(r"^Pss:\s+(\d+) kB$", text, re.MULTILINE))
