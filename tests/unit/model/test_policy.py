"""What a run may use: which bounds are refused."""

import dataclasses

import pytest

from sandbox_magic import Limits, Policy, PolicyError, SandboxError
from sandbox_magic.model.units import MIB


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


@pytest.mark.parametrize("python", ["kernel", "system", "3.12", "3.9.18", "/opt/python/bin/python3"])
def test_the_python_is_a_known_word_or_an_absolute_path(python):
    assert Policy(python=python).python == python


@pytest.mark.parametrize(
    "python",
    ["", "python3", "./python", "~/python", "Kernel", "3", "2.7", "3.", "3.12.1.1", "3.x", "3.1\n", "3.\u0661"],
)
def test_a_python_that_depends_on_the_working_directory_is_refused(python):
    with pytest.raises(PolicyError, match=r"kernel, system, a version such as 3\.12, or the absolute path"):
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
