"""Sizes, times and counts: how they are read, and that each is written in one way."""

import contextlib
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_magic import Limits, PolicyError
from sandbox_magic.execution import verdict
from sandbox_magic.jail import limit_guards
from sandbox_magic.jail.cgroup.base import Group
from sandbox_magic.model import summary, units
from sandbox_magic.model.outcome import Outcome
from sandbox_magic.model.timeline import Sample, Timeline
from sandbox_magic.model.units import MIB, parse_bytes, parse_count, parse_cpus, parse_seconds
from sandbox_magic.notebook.dashboard import details

settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")


SIZES = {
    "0": 0, "1000": 1000, "7B": 7, " 64 KiB ": 65536, "512M": 512 * MIB, "512mb": 512 * MIB, "1.5G": 1536 * MIB,
    "2TiB": 2 * 2**40, 4096: 4096, 1e6: 1_000_000,
}  # fmt: skip
TIMES = {
    "90": 90, "1.5s": 1.5, ".5": 0.5, "200ms": 0.2, "2 m": 120, "2min": 120, "1H": 3600, 3: 3, 0.25: 0.25,
    None: None, " None ": None,
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SIZES.items())
def test_a_size_is_bytes_or_a_number_with_a_unit_of_1024(text, expected):
    assert parse_bytes(text) == expected
    assert type(parse_bytes(text)) is int


@pytest.mark.parametrize(("text", "expected"), TIMES.items())
def test_a_time_is_seconds_or_a_number_with_a_unit_or_none(text, expected):
    assert parse_seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize(("text", "expected"), [("64", 64), (" 7 ", 7), (12, 12), ("0", 0)])
def test_a_count_is_a_whole_number(text, expected):
    assert parse_count(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("1.5", 1.5), (" 2 ", 2.0), (1, 1.0), (None, None), ("None ", None)])
def test_a_share_of_processors_is_a_number_or_none(text, expected):
    assert parse_cpus(text) == expected


WRONG = ["", " ", "much", "-1", "1e3", "0x10", "5X", "1,5", "nan", "inf", "1..5", "5 5", True, [], {}, object(), b"5"]
NOT_FINITE = [float("nan"), float("inf"), float("-inf"), 10**400, -(10**400)]


@pytest.mark.parametrize(
    ("parse", "remedy", "wrong"),
    [
        (parse_bytes, "512M", [*WRONG, *NOT_FINITE, "5s", None, "none"]),
        (parse_seconds, "1.5s", [*WRONG, *NOT_FINITE, "5K"]),
        (parse_count, "64", [*WRONG, *NOT_FINITE[:3], 1.0, "1.0", "5s", "1" * 10, None]),
        (parse_cpus, "1.5", [*NOT_FINITE, "", "much", "nan", "inf", "1,5", True, [], b"5"]),
    ],
)
def test_what_can_not_be_read_is_quoted_with_an_example_of_what_can(parse, remedy, wrong):
    for value in wrong:
        with pytest.raises(PolicyError) as caught:
            parse(value)
        assert repr(value) in caught.value.what
        assert remedy in caught.value.remedy


@pytest.mark.parametrize(("parse", "text"), [(parse_bytes, "1\u212a"), (parse_seconds, "1\u017f")])
def test_letters_that_only_look_like_a_unit_are_refused(parse, text):
    with pytest.raises(PolicyError):
        parse(text)


@pytest.mark.parametrize("parse", [parse_bytes, parse_seconds])
def test_a_number_too_large_for_a_float_is_refused(parse):
    with pytest.raises(PolicyError):
        Limits(wall_seconds=parse("9" * 400))


@given(st.integers(0, 2**53), st.sampled_from([("", 1), ("K", 2**10), ("M", 2**20), ("GiB", 2**30), (" tb", 2**40)]))
def test_every_whole_size_is_read_back_exactly(number, unit):
    name, factor = unit
    assert parse_bytes(f"{number}{name}") == number * factor
    assert parse_bytes(number) == number


@given(st.decimals(0, 10**6, places=3), st.sampled_from([("ms", 0.001), ("", 1), ("s", 1), ("m", 60), ("h", 3600)]))
def test_every_time_is_read_back(number, unit):
    name, factor = unit
    assert parse_seconds(f"{number:f}{name}") == pytest.approx(float(number) * factor)


@given(st.integers(0, 10**9 - 1))
def test_every_count_is_read_back(number):
    assert parse_count(str(number)) == parse_count(number) == number


@given(st.text("0123456789.,+-_ eEKMGTiBbmshnoNO\t\0½٣", max_size=8))
def test_any_text_is_read_or_refused_and_no_other_error_comes_out(text):
    for parse in (parse_bytes, parse_seconds, parse_count, parse_cpus):
        with contextlib.suppress(PolicyError):
            assert parse(text) is None or math.isfinite(parse(text))


SECONDS = {
    0: "0 ms", 0.003: "3 ms", 0.25: "0.25 s", 3.2: "3.20 s", 12.34: "12.3 s", 60: "1 min", 125.4: "2 min 5 s",
    3725: "1 h 2 min", 86_400: "1 d", 100_000: "1 d 3 h",
}  # fmt: skip
WRITTEN_SIZES = {
    0: "0 B", 1000: "1000 B", 1024: "1.0 KiB", 9.8 * MIB: "9.8 MiB", 512 * MIB: "512 MiB", 1536 * MIB: "1.50 GiB",
    5000 * 1024 * MIB: "4.88 TiB",
}  # fmt: skip


@pytest.mark.parametrize(("value", "text"), SECONDS.items())
def test_a_time_is_written_with_few_digits(value, text):
    assert units.seconds(value) == text


@pytest.mark.parametrize(("value", "text"), WRITTEN_SIZES.items())
def test_a_size_is_written_with_few_digits(value, text):
    assert units.size(value) == text


LIMITS = {
    0.5: "500 ms", 1: "1 s", 2.5: "2.5 s", 30: "30 s", 60: "1 min", 90: "1 min 30 s", 3600: "1 h", 5400: "1 h 30 min",
    86_400: "1 d",
}  # fmt: skip
RUNNING = {0: "0.0 s", 3.21: "3.2 s", 59.9: "59.9 s", 65: "1 min 05 s", 600: "10 min 00 s", 3725: "1 h 02 min"}


@pytest.mark.parametrize(("value", "text"), LIMITS.items())
def test_a_limit_is_written_as_a_person_would(value, text):
    assert units.limit_seconds(value) == text


@pytest.mark.parametrize(("value", "text"), RUNNING.items())
def test_a_time_that_runs_keeps_its_width(value, text):
    assert units.running_seconds(value) == text


@pytest.mark.parametrize("value", [2, 90, 3600, 86_400])
def test_a_limit_reads_the_same_wherever_it_is_written(value):
    """In the live line, the details, the notes, and what was in force."""
    limits, text = Limits(wall_seconds=value, cpu_seconds=value), units.limit_seconds(value)
    sample = Sample(seconds=1.0, cpu_seconds=1.0)
    live = str(summary.live(sample, limits))
    assert live.count(f"1.0 s of {text}") == 2
    figures = dict(details.figures(Timeline((sample,)), limits, None))
    assert (figures["time limit"], figures["CPU time"]) == (text, f"1.00 s, limit {text}")
    for outcome in (Outcome.WALL_TIME, Outcome.CPU_TIME):
        assert f" {text}" in verdict.notes(verdict.Verdict(outcome=outcome), None, limits)[0]
    guards = limit_guards.guards(limits, Group(), counted=False)
    assert [guard.name for guard in guards if text in guard.text] == ["timeout", "cpu-time"]
