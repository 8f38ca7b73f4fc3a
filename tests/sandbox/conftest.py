"""Fixtures for tests that start real sandboxes."""

from __future__ import annotations

import gc
import os
import signal
import statistics
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import sandbox_magic as sm
from sandbox_magic.jail import pool, teardown
from sandbox_magic.jail.cgroup.base import PREFIX
from sandbox_magic.jail.view import run_directory
from tests.sandbox.internet import authority, internet  # noqa: F401 - fixtures
from tests.servers import serve  # noqa: F401 - likewise

PARK_SECONDS = 0.05  # a sandbox's start on the machine that the bounds were made for


@pytest.fixture(scope="module", autouse=True)
def _no_spares():
    """A test that is not about spares starts its own sandboxes: one parked for it would serve nobody.

    Those that tests of a notebook have left in this process are ended, and later ones have theirs again.
    """
    pool.spares.size = 0
    assert pool.spares.filled(30)
    pool.spares.drop()
    teardown.pending.wait()
    yield
    pool.spares.size = 1


@pytest.fixture
def spares():
    """This process's pool of spares, one of them at a time; nothing is left in it."""
    pool.spares.size = 1
    yield pool.spares
    pool.spares.size = 0
    assert pool.spares.filled(30)
    pool.spares.drop()
    teardown.pending.wait()


@pytest.fixture(scope="session")
def slowness():
    """How many times slower than that machine a sandbox starts here; at least 1."""
    sm.run("pass")
    return max(1.0, statistics.median(sm.run("pass").usage.park_seconds for _ in range(5)) / PARK_SECONDS)


@pytest.fixture(scope="session")
def first_good():
    """Gives a function that takes results, one after the other, until one is good; it returns the last that it took.

    A machine that stands still for a second, as a shared one does, spoils one of them; a fault spoils each.
    """

    def take(good, results):
        for result in results:
            if good(result):
                break
        return result

    return take


@pytest.fixture(scope="session")
def parents() -> set[str]:
    """The directories in which control groups are made here, by the best tier."""
    with sm.stream("pass") as run:
        next(run)
        return {os.path.dirname(os.path.dirname(door)) for door in run._loop.sandbox.group.doors}


@pytest.fixture
def groups_left(parents):
    """Gives a function that lists this process's control groups, wherever they are made."""
    mine = f"{PREFIX}{os.getpid()}-"
    return lambda: [name for parent in parents for name in os.listdir(parent) if name.startswith(mine)]


def _open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def _children() -> list[str]:
    found = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has just ended
            found += (task / "children").read_text().split()
    return found


@pytest.fixture
def own_directory(tmp_path, monkeypatch):
    """Runs of this test have a temporary directory of their own: other test sessions may be at work."""
    tmp_path.chmod(0o755)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def footprint(own_directory):
    """Gives a function that tells what this process holds, for before = after."""

    def look() -> dict[str, object]:
        teardown.pending.wait()
        gc.collect()  # what earlier tests dropped
        return {
            "descriptors": _open_descriptors(),
            "children": _children(),
            "threads": threading.active_count(),
            "directories": sorted(os.listdir(run_directory._root())),
        }

    return look


@pytest.fixture
def stopped():
    """Gives a function that runs code, interrupts it at its first text that has a word in it, and returns the result.

    It is done again where the code was killed: it has 0.3 seconds to end, and the machine may stall just then.
    """

    def stop(code: str, word: str = "", **options: Any) -> sm.Result:
        for _ in range(5):
            with sm.stream(code, **{"timeout": 60, **options}) as run:
                for event in run:
                    if isinstance(event, (sm.Text, sm.InputRequest)) and word in getattr(event, "text", word):
                        run.stop()
            if run.result.exit_code is not None or run.result.signal == signal.SIGINT:
                break
        return run.result

    return stop


@pytest.fixture
def canary(tmp_path):
    """A file of the host's outside every mount, with a secret in it."""
    file = tmp_path / "canary.txt"
    file.write_text("SECRET-7f3a")
    return file
