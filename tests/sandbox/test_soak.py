"""Many runs: at once, without disturbing each other; and one after another, without leaving anything."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import sandbox_magic as sm
from sandbox_magic import Outcome

RUNS, AT_ONCE = 400, 100
THREADS = 4

# what a run does -> its outcome, its exit status
ENDINGS = (
    ("import time; time.sleep(0.05); print({0})", Outcome.COMPLETED, 0),
    ("print({0}); raise SystemExit(3)", Outcome.FAILED, 3),
    ("print({0}, flush=True); import os; os.kill(os.getpid(), 9)", Outcome.SIGNALLED, None),
    ("print({0}, flush=True)\nwhile True: pass", Outcome.WALL_TIME, None),
)


@pytest.mark.slow
def test_64_runs_over_16_threads(footprint, first_good):
    """Each has its own output and its own ending, whatever its neighbours do; then nothing is left."""

    def one(number):
        source, outcome, status = ENDINGS[number % len(ENDINGS)]
        limits = (1, 4, 16) if outcome is Outcome.WALL_TIME else (60,)  # it has to print its number before
        runs = (sm.run(source.format(number), timeout=seconds) for seconds in limits)
        result = first_good(lambda run: run.stdout, runs)
        return (result.outcome, result.exit_code, result.stdout) == (outcome, status, f"{number}\n") or result

    sm.run("pass")
    before = footprint()
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(one, range(64))) == [True] * 64
    assert footprint() == before


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def holdings(footprint, groups_left):
    """Gives a function that tells what this process holds, mounts and control groups included."""

    def look():
        return {**footprint(), "groups": groups_left(), "mounts": Path("/proc/self/mountinfo").read_text().splitlines()}

    return look


CRASH = "import os; print({0}, flush=True); os.kill(os.getppid(), 9); os.abort()"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_hundreds_of_runs_leave_nothing(holdings):
    """Memory, descriptors, threads, children, groups, mounts and directories are flat; every third run crashes."""

    def one(number):
        source, outcome = ("print({0})", Outcome.COMPLETED) if number % 3 else (CRASH, Outcome.SIGNALLED)
        result = sm.run(source.format(number))
        return (result.outcome, result.stdout) == (outcome, f"{number}\n") or result

    def soak(runs):
        with ThreadPoolExecutor(THREADS) as pool:
            for first in range(0, runs, AT_ONCE):  # what waits in the pool would be memory too
                assert list(pool.map(one, range(first, first + AT_ONCE))) == [True] * AT_ONCE

    soak(AT_ONCE)  # what a process loads and caches once
    before, resident = holdings(), resident_bytes()
    soak(RUNS)
    assert holdings() == before
    assert resident_bytes() - resident < 2048 * RUNS
