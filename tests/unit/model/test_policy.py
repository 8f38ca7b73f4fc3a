"""What a run may use: how sizes, times and counts are read, and which bounds are refused."""

import contextlib
import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_magic import Limits, Policy, PolicyError, SandboxError
from sandbox_magic.model.policy import MIB, parse_bytes, parse_count, parse_cpus, parse_seconds

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
NOT_FINITE = [float("nan"), float("inf"), float("-inf")]


@pytest.mark.parametrize(
    ("parse", "remedy", "wrong"),
    [
        (parse_bytes, "512M", [*WRONG, *NOT_FINITE, "5s", None, "none"]),
        (parse_seconds, "1.5s", [*WRONG, *NOT_FINITE, "5K"]),
        (parse_count, "64", [*WRONG, *NOT_FINITE, 1.0, "1.0", "5s", "1" * 10, None]),
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


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("wall_seconds", float("inf")),
        ("wall_seconds", 2_160_000.0),  # 600 h: poll(2) takes a C int of milliseconds
        ("cpu_seconds", 1e300),
        ("memory_bytes", 2**63),  # setrlimit(2) takes a C long
        ("disk_bytes", 2**63),
        ("memory_bytes", None),
    ],
)
def test_a_bound_that_the_kernel_can_not_hold_is_refused(field, value):
    with pytest.raises(PolicyError):
        Limits(**{field: value})


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


LEAST = {
    "wall_seconds": 0.001, "cpu_seconds": 0.001, "memory_bytes": 16 * MIB, "processes": 1, "cpus": 0.01,
    "disk_bytes": MIB, "open_files": 16, "output_bytes": 0,
}  # fmt: skip


@pytest.mark.parametrize(("field", "least"), LEAST.items())
def test_a_bound_under_which_no_cell_could_run_is_refused(field, least):
    assert getattr(Limits(**{field: least}), field) == least
    with pytest.raises(PolicyError, match=r"\nTry: from "):
        Limits(**{field: least - 0.0005})


@pytest.mark.parametrize("field", ["wall_seconds", "cpu_seconds", "cpus"])
def test_time_and_processors_may_be_unbounded_and_are_never_not_a_number(field):
    assert getattr(Limits(**{field: None}), field) is None
    with pytest.raises(PolicyError):
        Limits(**{field: float("nan")})


def test_what_happens_at_the_output_limit_is_one_of_two_words():
    assert Limits(on_output_limit="stop").on_output_limit == "stop"
    with pytest.raises(PolicyError, match=r"'drop'\nTry: cut .* or stop"):
        Limits(on_output_limit="drop")


@pytest.mark.parametrize("python", ["kernel", "system", "/opt/python/bin/python3"])
def test_the_python_is_a_known_word_or_an_absolute_path(python):
    assert Policy(python=python).python == python


@pytest.mark.parametrize("python", ["", "python3", "./python", "~/python", "Kernel"])
def test_a_python_that_depends_on_the_working_directory_is_refused(python):
    with pytest.raises(PolicyError, match="kernel, system, or the absolute path"):
        Policy(python=python)


@pytest.mark.parametrize("pattern", ["../*", "/etc/passwd", "./out.png", "out/../../x"])
def test_a_pattern_of_files_to_save_that_nothing_can_match_is_refused(pattern):
    with pytest.raises(PolicyError, match="below the working directory"):
        Policy(save=("*.png", pattern))


def test_a_policy_is_a_value():
    """Equal policies are interchangeable as keys, and none can be changed: both are needed to park ahead."""
    one, other = Policy(limits=Limits(processes=8)), Policy(limits=Limits(processes=8))
    assert one == other
    assert len({one, Policy(), Policy(strict=True), Policy(python="system")}) == 4
    assert {one: "parked"}[other] == "parked"
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.python = "system"
    assert not hasattr(one, "__dict__")


def test_a_policy_error_is_ours_and_a_value_error():
    assert issubclass(PolicyError, SandboxError)
    assert issubclass(PolicyError, ValueError)
