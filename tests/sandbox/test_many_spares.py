"""Many spares, one after another and at once: none goes to a run of another policy, and nothing is left of any.

Each of these tests is as long as an environment variable says: RUNS=2000, KILLS=200, ORDERS=500.
"""

from __future__ import annotations

import ctypes
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

import sandbox_magic as sm
from sandbox_magic import Outcome
from sandbox_magic.jail import teardown
from sandbox_magic.jail.cgroup.base import PREFIX
from sandbox_magic.jail.view import run_directory

RUNS = int(os.environ.get("RUNS", "150"))
KILLS = int(os.environ.get("KILLS", "12"))
ORDERS = int(os.environ.get("ORDERS", "32"))
SEED = int(os.environ.get("SEED", "0")) or random.randrange(1, 2**32)
_LONG = pytest.mark.timeout(90 + RUNS + 5 * KILLS + ORDERS)
_CHILD_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@_LONG
def test_many_warm_runs_leave_nothing(spares, footprint, groups_left):
    """Descriptors, children, threads, groups and directories are as before, and memory does not grow with the runs."""

    def soak(runs):
        warm = 0
        for number in range(runs):
            result = sm.run(f"print({number})")
            assert (result.outcome, result.stdout) == (Outcome.COMPLETED, f"{number}\n")
            warm += result.usage.warm
            assert spares.filled(30)
        spares.drop()
        return warm, footprint(), groups_left()

    _, *before = soak(30)  # what a process loads and caches once
    resident = resident_bytes()
    warm, *after = soak(RUNS)
    grown = resident_bytes() - resident
    print(f"{RUNS} runs, {warm} of them warm: {grown} bytes more")
    assert after == before
    assert warm > 0.9 * RUNS  # all but the first, unless another test's files come into a directory of sys.path
    assert grown < 2**20 + 2048 * RUNS  # the C library's heap: it is some 2 MB after 2000 runs, as cold ones take


@pytest.fixture
def policies(tmp_path):
    """Policies that differ in one thing each, and what a cell prints that shows under which of them it runs."""
    tmp_path.chmod(0o755)
    for name in "ab":
        (tmp_path / name).write_text(name)
    differ = [
        {}, {"disk": "8M"}, {"disk": "16M"}, {"bind": f"{tmp_path}/a:x"}, {"bind": f"{tmp_path}/b:x"},
        {"bind": f"{tmp_path}/a:y"}, {"preload": "colorsys"}, {"preload": "chunk"}, {"python": "system"},
        {"workspace": tmp_path},
    ]  # fmt: skip
    look = """import os, sys
disk = os.statvfs('/tmp')
print(disk.f_blocks * disk.f_frsize, [(name, open(name).read()) for name in sorted(os.listdir()) if len(name) == 1])
print([name for name in ('colorsys', 'chunk') if name in sys.modules], sys.executable)"""
    return differ, look


@_LONG
def test_no_run_gets_a_spare_of_another_policy(spares, policies):
    """In any order, three at a time; the order's seed is printed, and SEED=N repeats it.

    Whether a run comes before or after the spare that is being parked for it is the subject, so some wait for it.
    """
    print(f"SEED={SEED}")
    spares.size = 3
    differ, look = policies
    expected = [sm.run(look, warm=False, **options).check().stdout for options in differ]
    assert len(set(expected)) == len(differ)
    chance = random.Random(SEED)
    order = [0]
    while len(order) < ORDERS:  # each policy some times in a row: else hardly a run is warm
        order += [chance.randrange(len(differ))] * chance.randint(1, 4)
    waits = [chance.random() < 0.5 for _ in order]

    def one(number, wait):
        result = sm.run(look, **differ[number])
        assert not wait or spares.filled(60)
        return result.stdout == expected[number] or (differ[number], result), result.usage.warm

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(one, order, waits))
    assert spares.filled(60)
    done += [one(order[-1], True) for _ in range(4)]  # alone, so that these find what the one before had parked
    right, warm = zip(*done, strict=True)
    assert set(right) == {True}
    print(f"{len(done)} runs, {sum(warm)} of them warm")
    assert any(warm)


@pytest.fixture
def orphans():
    """Gives a function that waits for what a killed child of this process has left to end, and lists what did not."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    assert prctl(_CHILD_SUBREAPER, 1, 0, 0, 0) == 0  # they become this process's children
    before = set(_children())

    def left(seconds):
        deadline = time.monotonic() + seconds
        while (mine := set(_children()) - before) and time.monotonic() < deadline:
            if not any(os.waitpid(pid, os.WNOHANG)[0] for pid in mine):
                time.sleep(0.002)
        return {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in mine}

    yield left
    prctl(_CHILD_SUBREAPER, 0, 0, 0, 0)


def _children():
    found = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has just ended
            found += map(int, (task / "children").read_text().split())
    return found


HOST = """
import random, sys, sandbox_magic as sm
from sandbox_magic.jail import pool
pool.spares.size = 2
chance = random.Random(int(sys.argv[1]))
sm.run("pass")
print("up", flush=True)
while True:
    sm.run("print(1)", disk=chance.choice(("64M", "64M", "32M")))
"""


@_LONG
def test_a_host_that_is_killed_at_any_moment_leaves_nothing(own_directory, orphans, parents):
    """Its processes end with it or with the next start, and then its groups and directories go."""
    print(f"SEED={SEED}")
    chance = random.Random(SEED)
    for number in range(KILLS):
        command = [sys.executable, "-P", "-c", HOST, str(SEED + number)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as host:
            assert host.stdout.readline() == "up\n"
            try:
                time.sleep(chance.uniform(0, 0.4))  # at any moment is the subject
            finally:
                host.send_signal(signal.SIGKILL)
        for _ in range(2):  # at the first one, a process between fork(2) and exec(2) may still hold its host's lock
            sm.run("pass", warm=False)
            teardown.pending.wait()
        assert not orphans(60), number
        assert not os.listdir(run_directory._root()), number
        sm.run("pass", warm=False)  # a group can only be removed once it is empty
        theirs = f"{PREFIX}{host.pid}-"
        assert not [name for parent in parents for name in os.listdir(parent) if name.startswith(theirs)], number
