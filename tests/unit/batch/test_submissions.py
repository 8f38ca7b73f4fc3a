"""The submissions of a directory: which there are, in which order, and that each is read when its turn comes."""

import os
import subprocess
from typing import Any

import pytest

import sandbox_magic as sm
from sandbox_magic.batch.submissions import Submissions
from sandbox_magic.model.errors import PolicyError


def test_each_is_read_when_its_turn_comes(tmp_path):
    for name in ("c.py", "a.py", "b.py"):
        (tmp_path / name).write_text("before")
    found = Submissions(tmp_path)
    assert len(found) == 3
    reading = iter(found)
    assert next(reading)[0] == "a.py"
    (tmp_path / "b.py").write_text("after")
    (tmp_path / "c.py").unlink()
    assert next(reading)[1].text == b"after"
    gone = next(reading)
    assert (gone.name, gone.why) == ("c.py", "it can't be read: No such file or directory")
    assert next(reading, None) is None


def test_what_programs_leave_behind_is_none(tmp_path):
    for place in ("__pycache__", ".ipynb_checkpoints", "team", "team/__pycache__", "team/.git"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "main.py").write_text("1")
    found: list[Any] = list(Submissions(tmp_path))
    assert [(name, options) for name, _, options in found] == [("team", {"files": {}})]


@pytest.fixture
def deep(tmp_path):
    """A directory with levels that are more than Python may call itself, and together longer than a path may be."""
    place = tmp_path / "deep"
    place.mkdir()
    here = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(2500):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    yield place
    subprocess.run(["rm", "-rf", place], check=True)  # pytest would call itself for each level


def test_a_directory_that_is_nested_too_deep_is_one_row(deep):
    (deep / "main.py").write_text("1")
    (deep.parent / "other.py").write_text("1")
    first, second = Submissions(deep.parent)
    assert first.why == "it can't be read: File name too long"
    assert second[0] == "other.py"


def test_why_one_is_not_run_drives_no_terminal(tmp_path):
    (tmp_path / "\x1b]0;title\x07\x1b[2J.ipynb").write_text('{"cells": [], "nbformat": 4}')
    (row,) = sm.run_many(tmp_path)
    assert "is a notebook" in row.why
    assert "\x1b" not in f"{row.why}{row!r}"


def test_a_directory_that_has_nothing_or_is_none_is_refused(tmp_path):
    with pytest.raises(PolicyError, match="there are no submissions"):
        sm.run_many(tmp_path)
    with pytest.raises(PolicyError, match="can't be listed"):
        Submissions(tmp_path / "none")
