"""How long a run takes to its first text and to its result: warm and cold, beside what people would do instead.

All ways run the same cell, alternating in one process with a pause between them, so that each meets the same machine.
Median and p99, and both as ratios to a plain ``python3 cell.py``; written to ``build/start.json`` too.

- python3: ``python3 cell.py`` of a fresh virtual environment on the system's Python, without any sandbox;
- parked: such a process that was started before and reads its cell from a pipe, without any sandbox;
- bwrap by hand: the same bwrap with the same view and the same interpreter, and nothing else, as root would start it;
- %%script: IPython's own cell magic, which shows the output of ``python3``;
- cold, warm: ours.
"""

from __future__ import annotations

import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from IPython.core.interactiveshell import InteractiveShell

import sandbox_magic as sm
from sandbox_magic.jail import bubblewrap, pool, spawn
from sandbox_magic.jail.view import host_paths, identity, interpreter
from sandbox_magic.model.policy import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = int(os.environ.get("ROUNDS", "60"))
PAUSE_SECONDS = 0.05
CELL = "print(1)"
PANDAS = "import pandas"
FILE = Path("build/start.json")
_PARKED = "import sys\nexec(compile(sys.stdin.read(), 'cell.py', 'exec'))\n"

Times = tuple[float, float]


def ours(cell: str = CELL, **options: object) -> Times:
    """Run it here: seconds to the first text, and to the result."""
    began = time.perf_counter()
    first = 0.0
    for event in sm.stream(cell, **options):  # type: ignore[arg-type] # as given
        if isinstance(event, sm.Text) and not first:
            first = time.perf_counter() - began
    return first, time.perf_counter() - began


def warm(cell: str = CELL, **options: object) -> Times:
    """Run it in a spare, which is there."""
    assert pool.spares.filled(60)
    return ours(cell, **options)


def command(*words: str) -> Times:
    """Run a program to its end, its output read."""
    began = time.perf_counter()
    with subprocess.Popen(words, stdout=subprocess.PIPE, env={}, cwd="/") as process:
        assert process.stdout is not None
        process.stdout.read(1)
        first = time.perf_counter() - began
        process.stdout.read()
    return first, time.perf_counter() - began


def parked(python: str) -> Callable[[], Times]:
    """Prepare a process that waits for its cell; return what gives it one, and has the next one started."""

    def start() -> subprocess.Popen[bytes]:
        words = (python, "-u", "-c", _PARKED)
        return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}, cwd="/")

    waiting = [start()]

    def run() -> Times:
        process = waiting.pop()
        assert process.stdin is not None
        assert process.stdout is not None
        began = time.perf_counter()
        process.stdin.write(CELL.encode())
        process.stdin.close()
        process.stdout.read(1)
        first = time.perf_counter() - began
        process.stdout.read()
        process.wait()
        took = time.perf_counter() - began
        process.stdout.close()
        waiting.append(start())
        return first, took

    return run


def script(python: str) -> Callable[[], Times]:
    """Return what runs the cell by ``%%script``; its first text is not seen apart."""
    shell = InteractiveShell.instance()

    def run() -> Times:
        began = time.perf_counter()
        with redirect_stdout(io.StringIO()):
            shell.run_cell_magic("script", python, CELL)  # type: ignore[no-untyped-call] # IPython's
        took = time.perf_counter() - began
        return took, took

    return run


def by_hand(directory: Path) -> Callable[[], Times]:
    """Prepare the same view without us; return what runs it once."""
    python, who, program = interpreter.choose("kernel"), identity.choose(), bubblewrap.find().path
    cell = directory / "cell"
    (cell / "lib/sandbox_guest").mkdir(parents=True)
    (cell / "cell.py").write_text(CELL)
    directory.chmod(0o755)
    how = identity.launch(who, (*python.shared, spawn.GUEST, str(cell), os.path.dirname(program)))
    folder, name = os.path.split(program)
    options = bubblewrap.arguments(
        Limits(), python, host_paths.host(), guest=spawn.GUEST, cell=str(cell), sources=how.sources
    )
    words = [*how.prefix, os.path.join(how.sources.get(folder, folder), name), *options, "--", python.executable]

    return lambda: command(*words, "/sandbox/cell.py")


def ways(directory: Path) -> dict[str, Callable[[], Times]]:
    """Return each way under its name."""
    subprocess.run([interpreter.SYSTEM, "-m", "venv", "--without-pip", directory / "env"], check=True)
    python, file = str(directory / "env/bin/python3"), directory / "cell.py"
    file.write_text(CELL)
    return {
        "python3": lambda: command(python, str(file)),
        "parked": parked(python),
        "bwrap by hand": by_hand(directory / "by-hand"),
        "%%script": script(python),
        "cold": lambda: ours(warm=False),
        "warm": warm,
        "python3, pandas": lambda: (0.0, command(sys.executable, "-c", PANDAS)[1]),
        "warm, pandas": lambda: warm(PANDAS),
        "warm, pandas preloaded": lambda: warm(PANDAS, preload="pandas"),
    }


def measured(each: dict[str, Callable[[], Times]]) -> dict[str, list[Times]]:
    """Alternate the ways; each spare is parked before its turn, and what one left has ended."""
    prepare = {"warm": {}, "warm, pandas": {}, "warm, pandas preloaded": {"preload": "pandas"}}
    found: dict[str, list[Times]] = {name: [] for name in each}
    for number in range(-1, ROUNDS):
        for name, way in each.items():
            if name in prepare:
                ours("pass", **prepare[name])
                assert pool.spares.filled(60)
            time.sleep(PAUSE_SECONDS)
            times = way()
            if number >= 0:
                found[name].append(times)
    return found


def row(times: list[float], base: list[float]) -> dict[str, float]:
    """Return median and p99 in milliseconds, and as ratios to the base's median."""
    ordered = sorted(times)
    median, p99 = statistics.median(ordered), ordered[int(0.99 * (len(ordered) - 1))]
    unit = statistics.median(base)
    numbers = {"median_ms": median * 1e3, "p99_ms": p99 * 1e3, "median": median / unit, "p99": p99 / unit}
    return {name: round(number, 3) for name, number in numbers.items()}


def main() -> None:
    """Measure, print the table, write the file."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        found = measured(ways(Path(directory)))
    base = [result for _, result in found["python3"]]
    table = {
        f"{what}: {name}": row([each[position] for each in times], base)
        for position, what in enumerate(("first text", "result"))
        for name, times in found.items()
        if all(each[position] for each in times)  # not all have text
    }
    about = {
        "rounds": ROUNDS, "python": sys.version.split()[0], "kernel": platform.release(),
        "processors": os.cpu_count(), "bwrap": str(bubblewrap.find()),
        "memory": sm.run(CELL).isolation["memory"].mechanism,
    }  # fmt: skip
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps({"about": about, "rows": table}, indent=1))
    print(", ".join(f"{name} {value}" for name, value in about.items()))
    print(f"{'milliseconds, and ratio to python3':<38} {'median':>8} {'p99':>8}   {'median':>6} {'p99':>6}")
    for name, each in table.items():
        print(f"{name:<38} {each['median_ms']:8.2f} {each['p99_ms']:8.2f}   {each['median']:6.3f} {each['p99']:6.3f}")


if __name__ == "__main__":
    main()
