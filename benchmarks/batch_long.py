"""A journalled batch whose host is killed at 50 random moments, and 2,000 short cells, cold and warm.

Nothing may be lost, judged twice or left running, which ends the measurement; and memory should not grow. ROUNDS=N: so
many kills, and 40 times as many cells.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

import sandbox_magic as sm
from benchmarks.measure import Row, rounds, row
from sandbox_magic.jail import pool, teardown

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2): what a killed host leaves becomes a child of this process
_SOURCES = 60
_LEAVE_SECONDS = 300  # a machine may be slow
_HOST = f"""
import sys, time
import sandbox_magic as sm
code = "import time; time.sleep(%s); x = time.time_ns(); print(x)"
sources = [(str(n), code % (n % 7 / 100)) for n in range({_SOURCES})]
print("begin", flush=True)
for row in sm.run_many(sources, journal=sys.argv[1], check="score(outputs['x'] > 0, of=1)"):
    print(row.name, row.stdout.strip(), row.score.points, flush=True)
print("whole", flush=True)
"""


def measured() -> list[Row]:
    """Return the rows of this subject."""
    return [kills(rounds(50)), *(soaked(warm, 40 * rounds(50)) for warm in (False, True))]


def kills(most: int) -> Row:
    """Kill the host of a batch again and again; a batch that is whole is followed by the next one."""
    ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1)
    assert pool.spares.filled(_LEAVE_SECONDS)
    pool.spares.drop()  # those of this process are no host's
    teardown.pending.wait()
    generator = random.Random(5)  # noqa: S311 - moments, no secrets
    took, batches = list[float](), 0
    with TemporaryDirectory() as directory:
        while len(took) < most:
            batches += 1
            known: dict[str, str] = {}
            journal = Path(directory) / f"{batches}.jsonl"
            while not _is_whole(journal, known, generator.expovariate(1), took):
                pass
            assert len(known) == _SOURCES
    return row("batch_long", f"gone with the next start, after {len(took)} kills of a host", took, unit="ms")


def _is_whole(journal: Path, known: dict[str, str], seconds: float, took: list[float]) -> bool:
    """Run the batch on, and kill its host unless it ends before; return whether it has ended.

    Args:
        journal: Its journal.
        known: Each row that a host has shown, by its name.
        seconds: When it is killed, from its beginning on.
        took: Takes the milliseconds until nothing of a killed host is left.
    """
    words = [sys.executable, "-P", "-c", _HOST, str(journal)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == "begin\n"
        with suppress(subprocess.TimeoutExpired):
            host.wait(seconds)
        host.kill()
        lines = host.stdout.read().splitlines()
    began = time.monotonic()
    sm.run("pass", warm=False)  # the next start ends what was killed before it could see its host die
    teardown.pending.wait()
    while left := psutil.Process().children(recursive=True):
        for process in left:
            with suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
        assert time.monotonic() < began + _LEAVE_SECONDS, left
        time.sleep(0.001)
    whole = host.returncode == 0
    if not whole:
        assert host.returncode == -signal.SIGKILL
        took.append(1000 * (time.monotonic() - began))
    _compare(journal, [line for line in lines if line != "whole" and line.endswith(" 1.0")], known)
    return whole


def _compare(journal: Path, lines: list[str], known: dict[str, str]) -> None:
    """Hold the journal against what was shown: each row is in it, once, and stays as it was."""
    if not journal.exists():  # it was killed before
        assert not lines
        return
    shown = dict(line.split(maxsplit=1) for line in lines)
    for name, value in shown.items():
        assert known.setdefault(name, value) == value, f"{name} was run twice"
    kept = {each.name: f"{each.stdout.strip()} {each.score and each.score.points}" for each in sm.Results.read(journal)}
    assert known.items() <= kept.items(), "a row was lost"
    keys = Counter(
        json.loads(line)["key"] for line in journal.read_bytes().splitlines(keepends=True)[1:] if _ends(line)
    )
    assert not keys or max(keys.values()) == 1, "a row is there twice"


def _ends(line: bytes) -> bool:
    return line.endswith(b"\n")


def soaked(warm: bool, cells: int) -> Row:  # noqa: FBT001 - one of two ways
    """Return by how much this process grew over the second half of so many cells, and how many were warm."""
    process = psutil.Process()
    found, memory = Counter[bool](), list[int]()
    for number, each in enumerate(sm.run_many((f"print({n})" for n in range(cells)), warm=warm)):
        assert each.ok, each
        found[each.usage.warm] += 1
        if number in (cells // 2, cells - 1):
            memory.append(process.memory_info().rss)
    assert pool.spares.filled(_LEAVE_SECONDS)  # else one is parked behind the drop
    pool.spares.drop()
    teardown.pending.wait()
    deadline = time.monotonic() + _LEAVE_SECONDS
    while left := process.children(recursive=True):
        assert time.monotonic() < deadline, left
        time.sleep(0.01)
    name = f"growth over {cells // 2} cells, {'warm' if warm else 'cold'} ({found[True]} of {cells} were warm)"
    return row("batch_long", name, [(memory[1] - memory[0]) / 1e6], unit="MB")
