"""How far the axes of a run's picture reach, and their round ticks."""

import pytest

from sandbox_magic.model.units import MIB
from sandbox_magic.picture.axes import MOST_TICKS, cpu_axis, live_time_axis, memory_axis, time_axis


def labels(axis):
    return [label for _, label in axis.ticks]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.12, ["0", "0.02", "0.04", "0.06", "0.08", "0.1", "0.12 s"]),
        (3.2, ["0", "1", "2", "3 s"]),
        (30, ["0", "5", "10", "15", "20", "25", "30 s"]),
        (95, ["0", "20", "40", "60", "80 s"]),
        (600, ["0", "2", "4", "6", "8", "10 min"]),
        (86400, ["0", "4", "8", "12", "16", "20", "24 h"]),
    ],
)
def test_a_time_axis_has_few_round_ticks_and_its_unit_once(seconds, expected):
    assert labels(time_axis(seconds)) == expected


@pytest.mark.parametrize("power", range(-3, 8))
@pytest.mark.parametrize("mantissa", [1.0, 1.7, 2.5, 4.2, 9.9])
def test_no_length_of_a_run_crowds_the_axis(power, mantissa):
    end = mantissa * 10.0**power
    axis = time_axis(end)
    assert 2 <= len(axis.ticks) <= MOST_TICKS + 1
    assert 0 <= axis.ticks[-1][0] <= end * (1 + 1e-9)


def test_the_end_of_a_live_axis_moves_in_steps_and_stays_ahead():
    ends = [live_time_axis(n / 10, None).end for n in range(1, 600)]
    assert all(end >= n / 10 for n, end in enumerate(ends, start=1))
    assert ends == sorted(ends)
    assert len(set(ends)) < 30


def test_a_live_axis_ends_at_the_time_limit_once_that_is_near():
    assert live_time_axis(3.2, 30).limit is None
    near = live_time_axis(8.5, 9.0)
    assert (near.end, near.limit) == (9.0, 9.0)


@pytest.mark.parametrize(
    ("peak", "expected"),
    [
        (None, ["0", "100 %"]),
        (7, ["0", "100 %"]),
        (108, ["0", "100 %"]),
        (195, ["0", "100", "200 %"]),
        (399, ["0", "200", "400 %"]),
        (1590, ["0", "1000", "2000 %"]),
    ],
)
def test_the_cpu_axis_passes_100_percent_if_the_run_does(peak, expected):
    axis = cpu_axis(peak)
    assert labels(axis) == expected
    assert axis.end >= (peak or 0)


def test_memory_far_from_its_limit_is_drawn_large_and_the_limit_is_not_in_the_picture():
    axis = memory_axis(21 * MIB, 512 * MIB)
    assert axis.limit is None
    assert labels(axis) == ["0", "16 MiB", "32 MiB"]


def test_memory_near_its_limit_is_drawn_against_it():
    axis = memory_axis(300 * MIB, 512 * MIB)
    assert axis.limit == 512 * MIB
    assert labels(axis) == ["0", "256 MiB"]
    assert axis.end > axis.limit


def test_memory_above_its_limit_is_still_inside():
    axis = memory_axis(900 * MIB, 512 * MIB)
    assert axis.end > 900 * MIB
    assert axis.limit == 512 * MIB


def test_no_tick_stands_on_the_limit():
    for limit in (16, 20, 64, 100, 300, 512, 768, 1000, 4096):
        axis = memory_axis(limit * MIB, limit * MIB)
        assert all(abs(value - axis.limit) > 0.04 * axis.end for value, _ in axis.ticks), limit
        assert 2 <= len(axis.ticks) <= 4


def test_memory_without_a_known_limit_is_drawn_by_its_peak():
    axis = memory_axis(300 * MIB, None)
    assert axis.limit is None
    assert labels(axis) == ["0", "256 MiB", "512 MiB"]
