"""Samples without a sandbox: of the processes below one of our own, where no control group counts."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from sandbox_magic.jail import process_memory
from sandbox_magic.jail.cgroup.base import Group, Reading
from sandbox_magic.jail.meter import Meter
from sandbox_magic.model.units import MIB

CHILD = """
import sys
for line in sys.stdin:
    hoard = bytearray(int(line))
    del hoard
    print("done", flush=True)
"""


@pytest.fixture
def child():
    """A process with a child that takes as much memory as it is told to, and gives it back."""
    script = f'"{sys.executable}" -I -S -c "$CHILD"; exit'
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(["/bin/sh", "-c", script], env={"CHILD": CHILD}, **pipes) as shell:
        yield shell


def tell(child, size):
    child.stdin.write(f"{size}\n")
    child.stdin.flush()
    assert child.stdout.readline() == "done\n"


def test_a_peak_between_two_samples_is_in_the_later_one_alone(child):
    tell(child, MIB)
    meter = Meter(child.pid, Group())
    before = meter.sample(1.0).memory_bytes
    tell(child, 60 * MIB)
    assert before < 40 * MIB
    assert before + 55 * MIB < meter.sample(2.0).memory_bytes < before + 70 * MIB
    tell(child, MIB)
    assert meter.sample(3.0).memory_bytes < 40 * MIB


class Counted(Group):
    """A control group that says what it is told to."""

    def __init__(self, *readings):
        super().__init__()
        self.readings = list(readings)

    def reading(self):
        return self.readings.pop(0)


def group(own, charged, peak, files=0, pids=()):
    parts = {"anonymous_bytes": own * MIB, "shared_bytes": 0, "file_bytes": files * MIB}
    return Reading(pids=pids, tasks=0, cpu_seconds=0.0, charged_bytes=charged * MIB, peak_bytes=peak * MIB, **parts)


@pytest.mark.parametrize(
    ("second", "memory"),
    [
        (group(own=10, charged=12, peak=12), 10),  # nothing happened
        (group(own=10, charged=12, peak=500), 498),  # much came and went
        (group(own=10, charged=412, peak=412, files=400), 10),  # a file was read
        (group(own=10, charged=212, peak=512, files=200), 310),  # both
        (group(own=10, charged=400, peak=500), 498),  # what was given back is still being counted
    ],
)
def test_what_a_group_counts_beside_memory_is_no_part_of_a_peak(second, memory):
    second = replace(second, pids=(os.getpid(),))
    meter = Meter(os.getpid(), Counted(group(own=10, charged=12, peak=12), second, second))
    assert meter.sample(1.0).memory_bytes == memory * MIB
    assert meter.sample(2.0).memory_bytes == 10 * MIB


def test_the_peak_since_the_last_sample_is_known_when_all_have_ended():
    end = group(own=0, charged=1, peak=90)
    meter = Meter(os.getpid(), Counted(group(own=10, charged=12, peak=12), group(own=10, charged=12, peak=12), end))
    meter.sample(1.0)
    assert meter.last_peak() == 89 * MIB
    meter = Meter(os.getpid(), Counted(*[group(own=10, charged=12, peak=12, pids=(os.getpid(),))] * 3))
    meter.sample(1.0)
    assert meter.last_peak() is None


def test_the_peak_is_known_though_the_only_sample_that_saw_it_came_after_the_exit():
    late = group(own=0, charged=1, peak=90)
    meter = Meter(os.getpid(), Counted(group(own=10, charged=12, peak=12), late, late))
    assert meter.sample(1.0).processes == 0
    assert meter.last_peak() == 89 * MIB


def test_the_peak_of_a_run_too_short_for_a_sample_is_known():
    """Also where its sandbox, parked before, had used more to start than the code did."""
    meter = Meter(os.getpid(), Counted(group(own=2, charged=3, peak=9), group(own=0, charged=1, peak=9)))
    assert meter.last_peak() == 8 * MIB


def test_a_process_that_has_ended_is_not_counted_though_nobody_has_waited_for_it(child):
    meter = Meter(os.getpid(), Group())
    assert not process_memory.is_ending(child.pid)
    counted = meter.sample(1.0).processes
    os.kill(child.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert process_memory.is_ending(child.pid)
    assert meter.sample(2.0).processes <= counted - 1
    assert process_memory.is_ending(2**22 + 1)


@contextlib.contextmanager
def no_file_left():
    """Nothing can be opened meanwhile: what a full table of open files (fs.file-max) looks like to one process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Opened(Group):
    """A control group whose figures are read from a file."""

    def reading(self):
        with open("/proc/self/stat", "rb"):
            return Reading(pids=(os.getpid(),), cpu_seconds=1.0)


@pytest.mark.parametrize("group", [Group, Opened])
def test_what_can_not_be_looked_at_is_unknown_and_not_nothing(child, group):
    tell(child, 20 * MIB)
    meter = Meter(child.pid, group())
    with no_file_left():
        first = meter.sample(1.0)
        assert meter.blind_seconds > 0
        assert meter.sample(2.0) == replace(first, seconds=2.0)
    assert (first.memory_bytes, first.processes, first.cpu_seconds) == (None, None, None)
    assert meter.sample(3.0).memory_bytes > 0
    assert meter.blind_seconds == 0
    assert not meter.lost
