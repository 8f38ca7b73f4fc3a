"""The limits that the kernel does not hold: when one is reached, and how soon to look again."""

import pytest

from sandbox_magic import Limits, Sample
from sandbox_magic.execution.host_limits import check

LIMITS = Limits(cpu_seconds=2, memory_bytes=256 * 2**20)


@pytest.mark.parametrize(
    ("used", "memory", "cause"),
    [
        ({"cpu_seconds": 1.9, "memory_bytes": 300 * 2**20}, False, ""),
        ({"cpu_seconds": 2.0, "memory_bytes": 0}, False, "cpu"),
        ({"cpu_seconds": 0.1, "memory_bytes": 256 * 2**20}, True, "memory"),
        ({"cpu_seconds": 0.1, "memory_bytes": 255 * 2**20}, True, ""),
        ({"cpu_seconds": None, "memory_bytes": None}, True, ""),
    ],
)
def test_a_limit_is_reached_when_a_sample_says_so(used, memory, cause):
    assert check(LIMITS, Sample(seconds=1, **used), memory=memory)[0] == cause


@pytest.mark.parametrize(("memory", "blind", "cause"), [(True, 0.5, ""), (True, 1.5, "unwatched"), (False, 1.5, "")])
def test_what_is_held_by_looking_ends_when_nobody_can_look(memory, blind, cause):
    assert check(LIMITS, Sample(seconds=1), memory=memory, blind_seconds=blind)[0] == cause


def test_the_next_look_comes_the_sooner_the_nearer_a_limit_is():
    """Never so soon that looking is all that is done, and never later than a second."""
    waits = [check(LIMITS, Sample(seconds=1, cpu_seconds=used), memory=False)[1] for used in (0, 1, 1.9, 1.999999)]
    assert waits == sorted(waits, reverse=True)
    assert waits[0] <= 1
    assert waits[-1] == 0.005


def test_what_is_not_limited_is_not_looked_for():
    assert check(Limits(), Sample(seconds=1, cpu_seconds=1e6, memory_bytes=2**40), memory=False) == ("", 1.0)
