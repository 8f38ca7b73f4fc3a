"""The rows of a batch together: chosen among, ordered, and shown without any of their names being markup."""

import copy
import pickle
import re

import pandas as pd
import pytest

from sandbox_magic.batch import table
from sandbox_magic.batch.graded import Graded, Score
from sandbox_magic.batch.results import Results
from sandbox_magic.model.errors import PolicyError, SandboxError
from sandbox_magic.model.outcome import Outcome
from sandbox_magic.model.result import ErrorDetails, Result, Usage


def row(name, outcome=Outcome.COMPLETED, points=None, **more):
    result = Result(outcome=outcome, exit_code=0, usage=Usage(wall_seconds=1.0), **more)
    return Graded(name=name, result=result, score=None if points is None else Score(points=points, of=4, note="so"))


ROWS = Results(
    [
        row("full", points=4),
        row("half", points=2),
        row("slow", Outcome.WALL_TIME, points=0),
        row("unscored"),
        row("wrong", Outcome.FAILED, points=0),
        Graded(name="link", why="it is a link"),
    ]
)


def test_a_row_has_what_its_result_has():
    full = ROWS[0]
    assert (full.name, full.title, full.ok, full.exit_code, str(full.score)) == ("full", "full", True, 0, "4 of 4")
    assert Graded(name="a", case=2).title == "a #2"
    with pytest.raises(AttributeError, match="it is a link"):
        assert ROWS[5].stdout
    assert (ROWS[5].outcome, ROWS[5].ok) == (None, False)
    assert "not run: it is a link" in repr(ROWS[5])
    assert copy.copy(full) == full
    assert pickle.loads(pickle.dumps(full)) == full


def test_a_row_that_is_read_is_checked_as_a_strangers():
    whole = Graded(name="a", score=Score(points=1.0, of=2.0, note="fine"), why="so").to_dict()
    assert Graded.from_dict(whole).score == Score(points=1.0, of=2.0, note="fine")
    for name in ("points", "of"):
        for value in (float("nan"), float("inf"), "nan"):
            with pytest.raises(ValueError, match="no number"):
                Graded.from_dict({**whole, "score": {**whole["score"], name: value}})
    drives = "\x1b]0;title\x07 and more"
    read = Graded.from_dict({**whole, "why": drives, "score": {**whole["score"], "note": drives}})
    assert "\x1b]" not in read.why + read.score.note


def test_they_are_chosen_by_outcome_and_the_worst_comes_first():
    assert [each.name for each in ROWS.filter(outcome="wall_time")] == ["slow"]
    assert [each.name for each in ROWS.filter(outcome=Outcome.COMPLETED, name="half")] == ["half"]
    assert [each.name for each in ROWS.worst_first()] == ["link", "slow", "wrong", "unscored", "half", "full"]
    assert ROWS.counts == {"COMPLETED": 3, "WALL_TIME": 1, "FAILED": 1, "not run": 1}
    assert isinstance(ROWS[1:3], Results)
    assert "6 results: 3 COMPLETED" in repr(ROWS)


def test_they_are_a_data_frame():
    frame = ROWS.to_frame()
    assert list(frame["name"]) == [each.name for each in ROWS]
    assert frame.loc[frame["name"] == "half", "points"].item() == 2
    assert list(Results().to_frame().columns) == list(frame.columns)
    assert isinstance(frame, pd.DataFrame)


def test_the_table_escapes_every_text_and_is_bounded():
    evil = "<img src=x onerror=alert(1)>"
    rows = Results(
        [row(evil), Graded(name="\x1b[2J\u202e", why=evil), Graded(name="n", score=Score(points=1, note=evil))]
    )
    shown = rows._repr_html_()
    assert "<img" not in shown
    assert "&lt;img src=x" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    many = Results(row(str(number)) for number in range(table.MOST_ROWS + 5))
    assert "and 5 more" in many._repr_html_()


def test_a_value_that_can_not_be_kept_costs_only_the_values():
    whole = row("a", outputs={"x": object()}).to_dict()
    kept = Graded.from_dict(whole)
    assert kept.outputs == {}
    assert "The variables were not kept" in kept.notes[0]
    with pytest.raises(PolicyError):
        row("a", outputs={"x": object()}).result.to_dict()


def test_a_row_is_shown_with_what_the_checker_said_and_nothing_active():
    error = ErrorDetails(name="<b>Error</b>", message="<script>")
    shown = row("<i>", Outcome.FAILED, points=1, stdout="<script>alert(1)</script>", error=error)._repr_html_()
    assert "<b>&lt;i&gt;</b> failed: &lt;b&gt;Error&lt;/b&gt;, 1 of 4" in shown
    assert "<p>so</p>" in shown
    assert "&lt;script&gt;alert(1)" in shown
    assert "<script" not in shown
    assert "it is a link" in ROWS[5]._repr_html_()


def test_they_are_saved_as_a_page_with_the_worst_first(tmp_path):
    ROWS.save(tmp_path / "a.html", title="The <task>")
    page = (tmp_path / "a.html").read_text("utf-8")
    assert "<h1>The &lt;task&gt;</h1>" in page
    assert re.findall(r"<summary>(\w+) <small>", page)[:1] == ["link"]
    for name in ("full", "half", "slow", "unscored", "wrong"):
        assert f"<summary>{name} <small>" in page
    with pytest.raises(SandboxError, match=r"ends in '\.csv'"):
        ROWS.save(tmp_path / "a.csv")
    assert [each.name for each in tmp_path.iterdir()] == ["a.html"]
