"""Many runs: at once, without disturbing each other; and one after another, without leaving anything."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import sandbox_magic as sm
from sandbox_magic import Outcome
from sandbox_magic.jail import cgroup

MIB = 2**20
RUNS = 2000
THREADS = 4

# what a run does -> its outcome, its exit status
ENDINGS = (
    ("import time; time.sleep(0.05); print({0})", Outcome.COMPLETED, 0),
    ("print({0}); raise SystemExit(3)", Outcome.FAILED, 3),
    ("print({0}, flush=True); import os; os.kill(os.getpid(), 9)", Outcome.SIGNALLED, None),
    ("print({0}, flush=True)\nwhile True: pass", Outcome.WALL_TIME, None),
)


@pytest.mark.slow
def test_64_runs_over_16_threads(footprint):
    """Each has its own output and its own ending, whatever its neighbours do; then nothing is left."""

    def one(number):
        source, outcome, status = ENDINGS[number % len(ENDINGS)]
        result = sm.run(source.format(number), timeout=1 if outcome is Outcome.WALL_TIME else 60)
        return (result.outcome, result.exit_code, result.stdout) == (outcome, status, f"{number}\n") or result

    sm.run("pass")
    before = footprint()
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(one, range(64))) == [True] * 64
    assert footprint() == before


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def holdings(footprint):
    """Gives a function that tells what this process holds, mounts and control groups included."""
    with sm.stream("pass") as run:
        next(run)
        parents = {os.path.dirname(os.path.dirname(door)) for door in run._sandbox.group.doors}
    mine = f"{cgroup.PREFIX}{os.getpid()}-"

    def look():
        groups = [name for parent in parents for name in os.listdir(parent) if name.startswith(mine)]
        return {**footprint(), "groups": groups, "mounts": Path("/proc/self/mountinfo").read_text().splitlines()}

    return look


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_thousand_runs_leave_nothing(holdings):
    """Memory, descriptors, threads, children, groups, mounts and directories are flat over 2,000 runs."""

    def one(number):
        result = sm.run(f"print({number})")
        return (result.outcome, result.stdout) == (Outcome.COMPLETED, f"{number}\n") or result

    def soak(runs):
        with ThreadPoolExecutor(THREADS) as pool:
            assert list(pool.map(one, range(runs))) == [True] * runs

    soak(200)  # what a process loads and caches once
    before, resident = holdings(), resident_bytes()
    soak(RUNS)
    assert holdings() == before
    assert resident_bytes() - resident < 4 * MIB
