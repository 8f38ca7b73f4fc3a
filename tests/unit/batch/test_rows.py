"""A row as a line: whatever a run has left, what is written can be read again, and the points are in it."""

import json
from dataclasses import replace

import pytest

from sandbox_magic.batch import rows
from sandbox_magic.batch.graded import Graded, Score
from sandbox_magic.execution.record import MOST_VALUES
from sandbox_magic.model.outcome import Outcome
from sandbox_magic.model.output import Display
from sandbox_magic.model.result import Result, Usage
from sandbox_magic.untrusted.workspace.changes import Change, Changes

SMALL = Result(outcome=Outcome.COMPLETED, exit_code=0, usage=Usage(wall_seconds=1.0), outputs={"x": 1}, stdout="a\n")
SCORE = Score(points=1, of=2, note="so")
MOST = 2**20
LARGE = 2 * MOST


def again(result, most=rows.MOST_BYTES):
    line = rows.pack(Graded(name="a", result=result, score=SCORE), most)
    assert len(line) <= most
    return rows.unpack(line)


def test_many_values_come_back():
    outputs = {"x": [True] * (MOST_VALUES + 1), "y": [True]}
    row = again(replace(SMALL, outputs=outputs))
    assert row.outputs == outputs
    assert row.result == replace(SMALL, outputs=outputs)


def test_a_few_values_stand_there_as_json_has_them():
    row = json.loads(rows.pack(Graded(name="a", result=replace(SMALL, outputs={"x": [1, 2.5, "a"]}))))
    assert row["result"]["outputs"] == {"x": {"value": [1, 2.5, "a"]}}


@pytest.mark.parametrize(
    ("what", "much"),
    [
        ("variables", {"outputs": {"x": bytes(LARGE)}}),
        ("files", {"changes": Changes(entries=(Change(path="a", kind="added", size=LARGE, data=bytes(LARGE)),))}),
        ("displays", {"displays": (Display(data={"text/plain": "x" * LARGE}),)}),
        ("raw output", {"stdout_bytes": bytes(LARGE)}),
        ("most of the output", {"stdout": "x" * 3 * LARGE, "stderr": ""}),
    ],
)
def test_of_what_is_too_much_for_a_row_as_little_as_possible_is_left_out(what, much):
    most = 2 * MOST if what == "most of the output" else MOST
    row = again(replace(SMALL, notes=("before",), **much), most)
    assert (row.outcome, row.score) == (Outcome.COMPLETED, SCORE)
    assert row.notes[0] == "before"
    assert row.notes[-1].startswith("Not kept, for a row of a batch takes 256 MiB at most: ")
    assert row.notes[-1].endswith(f"{what}.")
    assert row.stdout.startswith("a\n" if "stdout" not in much else "xxx")


def test_a_display_that_is_larger_than_any_message_costs_the_displays_alone():
    much = replace(SMALL, displays=(Display(data={"text/plain": "x" * 17 * MOST}),))
    row = again(much)
    assert (row.displays, row.stdout, row.score) == ((), "a\n", SCORE)
