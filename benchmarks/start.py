"""How long a run takes to its first text and to its result: warm and cold, beside what people would do instead.

Ratios are to the result of ``python3``.

- python3: ``python3 cell.py`` of a fresh virtual environment on the system's Python, without any sandbox;
- parked: such a process that was started before and reads its cell from a pipe, without any sandbox;
- bwrap by hand: the same bwrap with the same view and the same interpreter, and nothing else, as root would start it;
- %%script: IPython's own cell magic, which shows the output of ``python3``;
- cold, warm: ours.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from IPython.core.interactiveshell import InteractiveShell

import sandbox_magic as sm
from benchmarks.measure import Row, Way, alternate, rows
from sandbox_magic.jail import bubblewrap, pool, spawn
from sandbox_magic.jail.view import host_paths, identity, interpreter
from sandbox_magic.model.policy import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CELL = "print(1)"
IN_VIEW = "/sandbox/cell.py"
"""Where the cell is in the view that is made by hand."""
PANDAS = "import pandas"
_PARKED = "import sys\nexec(compile(sys.stdin.read(), 'cell.py', 'exec'))\n"

Times = dict[str, float]


def measured() -> list[Row]:
    """Return the rows of this subject."""
    with TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        found = alternate(ways(Path(directory)), usual=60)
    pool.spares.drop()
    return rows("start", found, unit="ms", base=("python3", "result"))


def ways(directory: Path) -> dict[str, Way]:
    """Return each way under its name."""
    plain, command_of_hand, file = plain_python(directory), by_hand(directory / "by-hand"), directory / "cell.py"
    file.write_text(CELL)
    return {
        "python3": Way(run=lambda: command(plain, str(file))),
        "parked": parked(plain),
        "bwrap by hand": Way(run=command_of_hand),
        "%%script": Way(run=script(plain)),
        "cold": Way(run=lambda: ours(warm=False)),
        "warm": warm(),
        "python3, pandas": Way(run=lambda: {"result": command(sys.executable, "-c", PANDAS)["result"]}),
        "warm, pandas": warm(PANDAS),
        "warm, pandas preloaded": warm(PANDAS, preload="pandas"),
    }


def plain_python(directory: Path) -> str:
    """Return the Python of a fresh virtual environment on the system's."""
    subprocess.run([interpreter.SYSTEM, "-m", "venv", "--without-pip", directory / "env"], check=True)
    return str(directory / "env/bin/python3")


def ours(cell: str = CELL, **options: object) -> Times:
    """Run it here: milliseconds to the first text, if there is any, and to the result."""
    began = time.perf_counter()
    times: Times = {}
    for event in sm.stream(cell, **options):  # type: ignore[arg-type] # as given
        if isinstance(event, sm.Text):
            times.setdefault("first text", 1000 * (time.perf_counter() - began))
    return {**times, "result": 1000 * (time.perf_counter() - began)}


def warm(cell: str = CELL, **options: object) -> Way:
    """Run it in a spare, which has been parked for it."""

    def park() -> None:
        ours("pass", **options)
        assert pool.spares.filled(60)

    return Way(run=lambda: ours(cell, **options), prepare=park)


def command(*words: str, env: Mapping[str, str] | None = None) -> Times:
    """Run a program to its end, its output read; without an environment, or with this one."""
    began = time.perf_counter()
    times: Times = {}
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=env or {}, cwd="/") as process:
        assert process.stdout is not None
        if process.stdout.read(1):
            times["first text"] = 1000 * (time.perf_counter() - began)
        process.stdout.read()
    assert process.returncode == 0, words
    return {**times, "result": 1000 * (time.perf_counter() - began)}


def parked(python: str) -> Way:
    """Return what gives its cell to a process that waits for it; each is started before its turn."""
    waiting: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        words = (python, "-u", "-c", _PARKED)
        waiting.append(subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}, cwd="/"))

    def run() -> Times:
        with waiting.pop() as process:
            assert process.stdin is not None
            assert process.stdout is not None
            began = time.perf_counter()
            process.stdin.write(CELL.encode())
            process.stdin.close()
            process.stdout.read(1)
            first = time.perf_counter() - began
            process.stdout.read()
            process.wait()
            return {"first text": 1000 * first, "result": 1000 * (time.perf_counter() - began)}

    return Way(run=run, prepare=start)


def script(python: str) -> Callable[[], Times]:
    """Return what runs the cell by ``%%script``; its first text is not seen apart."""
    shell = InteractiveShell.instance()

    def run() -> Times:
        began = time.perf_counter()
        with redirect_stdout(io.StringIO()):
            shell.run_cell_magic("script", python, CELL)  # type: ignore[no-untyped-call] # IPython's
        return {"result": 1000 * (time.perf_counter() - began)}

    return run


def by_hand(directory: Path) -> Callable[[], Times]:
    """Prepare the same view without us; return what runs it once."""
    words = words_of_hand(directory)
    return lambda: command(*words, IN_VIEW)


def words_of_hand(directory: Path) -> tuple[str, ...]:
    """Prepare the same view without us; return the command that runs a file in it."""
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
    return (*how.prefix, os.path.join(how.sources.get(folder, folder), name), *options, "--", python.executable)
