"""Curves made of characters."""

import pytest

from sandbox_magic import Limits, Sample, Timeline
from sandbox_magic.model.units import MIB
from sandbox_magic.terminal.sparkline import BLOCKS, UNKNOWN, chart, columns, pair, spark


def samples(*pairs, field="memory_bytes"):
    return tuple(Sample(seconds=seconds, **{field: value}) for seconds, value in pairs)


def timeline(count=40, **values):
    return Timeline(tuple(Sample(seconds=n / 10, **values) for n in range(1, count + 1)))


@pytest.mark.parametrize(
    ("values", "top", "drawn"),
    [
        ([0, 50, 100], 100, "▁▅█"),
        ([250], 100, "█"),
        ([None, 0, None], 100, "·▁·"),
        (range(8), 8, BLOCKS),
        ([], 100, ""),
    ],
)
def test_a_value_is_a_block_and_an_unknown_one_a_dot(values, top, drawn):
    assert spark(values, top) == drawn


def test_there_are_as_many_columns_as_asked_for_however_many_samples():
    for count in (0, 1, 2, 7, 600):
        assert len(columns(timeline(count, cpu_percent=3).samples, "cpu_percent", 20)) == 20


def test_a_sample_fills_the_time_since_the_one_before():
    assert columns(samples((1, 10), (4, 20)), "memory_bytes", 4) == [10, 20, 20, 20]
    assert columns(samples((2, 10), (4, 5)), "memory_bytes", 8) == [10, 10, 10, 10, 5, 5, 5, 5]


def test_a_short_peak_is_seen_in_a_narrow_curve():
    many = samples(*((n / 100, 10**9 if n == 333 else 1) for n in range(1, 601)))
    assert columns(many, "memory_bytes", 4) == [1, 1, 10**9, 1]


def test_what_is_not_known_is_not_drawn_as_nothing():
    unknown = [Sample(seconds=n) for n in (1, 2, 3)]
    assert columns(unknown, "cpu_percent", 3) == [None, None, None]
    assert columns([], "cpu_percent", 2) == [None, None]
    assert pair(Timeline(tuple(unknown)), MIB, 3) == (UNKNOWN * 3, UNKNOWN * 3)


def test_cpu_is_drawn_against_whole_cores_and_memory_against_its_limit():
    half = timeline(cpu_percent=50.0, memory_bytes=MIB)
    assert pair(half, 2 * MIB, 6) == ("▅" * 6, "▅" * 6)
    assert pair(half, MIB, 6)[1] == "█" * 6
    assert pair(half, 512 * MIB, 6)[1] == "▁" * 6
    assert set(pair(timeline(cpu_percent=200.0), MIB, 6)[0]) == {"█"}


def test_the_chart_has_two_rows_that_stand_under_each_other_and_say_the_peaks():
    rows = chart(timeline(cpu_percent=101.4, memory_bytes=271 * MIB), Limits(memory_bytes=512 * MIB), 30)
    assert [row[:7] for row in rows] == ["CPU    ", "memory "]
    assert [set(row[7:37]) <= set(BLOCKS) for row in rows] == [True, True]
    assert [row[37:] for row in rows] == [" peak 101 %", " peak 271 of 512 MiB"]


def test_a_chart_of_nothing_says_so():
    assert [row.split()[-1] for row in chart(Timeline(), Limits(), 5)] == ["unknown", "unknown"]
