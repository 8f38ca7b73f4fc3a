"""Which cells are lines of ours."""

import time

import pytest

from sandbox_magic.kernel import lines
from sandbox_magic.kernel.executor import Executor
from sandbox_magic.kernel.session import KernelSession
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.policy import Policy


@pytest.mark.parametrize(
    ("source", "rest"),
    [
        ("%sandbox", ""),
        ("  %sandbox  \n", ""),
        ("%sandbox undo", "undo"),
        ("\n%sandbox limits --timeout 5\n\n", "limits --timeout 5"),
        ("%sandboxed", None),
        ("%%sandbox\n1", None),
        ("x = 1\n%sandbox undo", None),
        ("%sandbox undo\nx = 1", None),
        ("", None),
    ],
)
def test_a_line_is_ours_where_it_is_the_whole_cell(source, rest):
    assert lines.command(source) == rest


def test_a_cell_that_only_looks_like_one_costs_nothing():
    began = time.process_time()
    assert lines.command("%sandbox" + " " * 2_000_000 + "\nx") is None
    assert time.process_time() - began < 5  # with the time for which a virtual machine holds it up


def answer(line):
    executor = Executor(KernelSession(Policy))
    return lines.answer(line, executor.session, executor, lambda _: True)


@pytest.mark.parametrize("line", ["dashboard", "result", "isolation", "attempts"])
def test_before_the_first_cell_there_is_nothing_to_show(line):
    assert answer(line) == "no cell has run yet"


@pytest.mark.parametrize("line", ["nothing", "undo twice", "limits '", "limits now", "sessions"])
def test_what_makes_no_sense_is_said(line):
    with pytest.raises(PolicyError):
        answer(line)


def test_the_limits_are_listed_as_a_person_chose_them():
    told = answer("limits --timeout 5 --memory 64M")
    assert "timeout          5 s\n" in told
    assert "memory           64 MiB\n" in told
    assert "cpu-time         none\n" in told
