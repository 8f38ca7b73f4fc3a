"""A whole result as plain JSON types: it comes back as it was, and from a stranger's nothing harmful does."""

import base64
import json
import pickle
import random
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest

import sandbox_magic as sm
from sandbox_magic import (
    Attempt,
    Attempts,
    Change,
    Changes,
    Display,
    ErrorDetails,
    Mark,
    Outcome,
    Result,
    Sample,
    Timeline,
    Usage,
)
from sandbox_magic.execution import record
from sandbox_magic.guest.codec import codec
from sandbox_magic.model import usage_file

PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0\5"
    b"\0\1\xff\x89\x99=\x1d\0\0\0\0IEND\xaeB`\x82"
)
RESULT = Result(
    attempts=Attempts(rows=(Attempt(kind="call", target="ptrace", count=2, first_seconds=0.1, answer="refused"),)),
    outcome=Outcome.FAILED,
    exit_code=1,
    error=ErrorDetails(name="ValueError", message="no π", traceback="Traceback ...\n\x1b[31mno\x1b[0m\n", line=3),
    finished=False,
    stdout="one\n\x1b[1mtwo\x1b[0m\n",
    stderr="e\r\n",
    stdout_bytes=b"one\n\xff\x1b[1mtwo\x1b[0m\n",
    stderr_bytes=b"e\r\n",
    dropped_bytes=7,
    displays=(
        Display(data={"text/plain": "x"}),
        Display(data={"image/png": base64.b64encode(PNG).decode()}, metadata={"image/png": {"width": 5}}),
        Display(data={"text/latex": "$x^2$", "text/plain": "x²"}, kind="result"),
    ),
    outputs={"n": [1, 2.5, None, {"k": [True, "π"]}], "t": (1, b"\0"), "big": 2**80, "s": {1, 2}},
    changes=Changes(
        entries=(
            Change(path="a b.csv", kind="changed", size=3, data=b"1,2"),
            Change(
                path="conftest.py", kind="added", data=b"", left_out="other programs may run this file by themselves"
            ),
            Change(path="d", kind="added", type="directory"),
            Change(path="d/link", kind="added", type="link", data=b"../a b.csv"),
            Change(path="huge", kind="added", size=2**40, refused="skipped: 1.00 TiB are more than there was room for"),
            Change(path="pipe", kind="added", type="special", refused="skipped: neither a file nor a directory"),
            Change(path="gone\udcff", kind="removed"),
            Change(path="run", kind="added", size=1, data=b"x", executable=True),
        ),
        complete=False,
    ),
    usage=Usage(wall_seconds=1.5, cpu_seconds=None),
    timeline=Timeline((Sample(seconds=0.5, memory_bytes=2**20),), marks=(Mark("here", 0.25, own=True),)),
    compiled=False,
    restored=True,
    notes=("A note.",),
)


def changed(**parts):
    return json.loads(RESULT.to_json()) | parts


def test_it_is_plain_json_types_and_comes_back_as_it_was():
    whole = RESULT.to_dict()
    assert json.loads(json.dumps(whole, allow_nan=False)) == whole
    assert json.loads(RESULT.to_json()) == whole
    assert Result.from_dict(whole) == Result.from_dict(json.loads(RESULT.to_json())) == RESULT


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_comes_back(outcome):
    completed = outcome is Outcome.COMPLETED
    result = replace(RESULT, outcome=outcome, error=None if completed else RESULT.error, finished=completed)
    assert Result.from_dict(result.to_dict()) == result


def test_values_that_json_has_stand_there_as_they_are():
    outputs = RESULT.to_dict()["outputs"]
    assert outputs["n"] == {"value": [1, 2.5, None, {"k": [True, "π"]}]}
    assert {name for name, value in outputs.items() if "codec" in value} == {"t", "big", "s"}


def test_arrays_and_tables_keep_their_types():
    outputs = {
        "a": np.arange(6, dtype="int16").reshape(2, 3),
        "df": pd.DataFrame({"x": [1, None]}),
        "nan": float("nan"),
    }
    again: dict = dict(Result.from_dict(json.loads(replace(RESULT, outputs=outputs).to_json())).outputs)
    assert again["a"].dtype == np.int16
    assert np.array_equal(again["a"], outputs["a"])
    pd.testing.assert_frame_equal(again["df"], outputs["df"])
    assert np.isnan(again["nan"])


def test_an_output_that_has_become_something_else_is_named():
    with pytest.raises(sm.PolicyError, match="output f is a built-in function"):
        replace(RESULT, outputs={"f": print}).to_dict()


def test_it_has_the_form_of_the_usage_file():
    file = json.loads(usage_file.to_json(RESULT))
    whole = RESULT.to_dict()
    assert {name: whole[name] for name in file} == file
    assert usage_file.from_json(RESULT.to_json()) == usage_file.from_json(usage_file.to_json(RESULT))
    assert Result.from_dict(file) == usage_file.from_json(json.dumps(file)), "which has no output"


def test_html_is_sanitized_anew():
    html = "<b onclick='x()'>bold</b><script>x()</script><table><tr><td>1</td></tr></table>"
    (display,) = Result.from_dict(changed(displays=[{"data": {"text/html": html}}])).displays
    for _ in range(2):
        assert "<b>bold</b>" in display.data["text/html"]
        assert "<td>1</td>" in display.data["text/html"]
        assert "script" not in display.data["text/html"]
        assert "onclick" not in display.data["text/html"]
        (display,) = Result.from_dict(replace(RESULT, displays=(display,)).to_dict()).displays


def test_what_is_left_out_of_a_display_is_said():
    whole = changed(displays=[{"data": {"application/javascript": "1", "text/plain": "x"}}, {"data": {"a/b": "1"}}])
    result = Result.from_dict(whole)
    assert [dict(display.data) for display in result.displays] == [{"text/plain": "x"}]
    assert result.notes[0] == "A note."
    assert "application/javascript" in result.notes[1]


def test_text_can_not_drive_a_terminal():
    hostile = "\x1b]0;title\x07\x1b[2Ja\x1b[8mb"
    error = {"name": hostile, "message": hostile, "traceback": hostile}
    result = Result.from_dict(changed(stdout=hostile, stderr=hostile, error=error, notes=[hostile]))
    for text in (result.stdout, result.stderr, result.error.name, result.error.message, result.error.traceback):
        assert text == "ab"
    assert result.notes[0].isprintable()


def entry(**parts):
    return {"path": "a", "kind": "added", "type": "file", "size": 1, "data": "eA=="} | parts


def one(**parts):
    (change,) = Result.from_dict(changed(changes={"entries": [entry(**parts)]})).changes
    return change


@pytest.mark.parametrize(
    ("parts", "left_out", "refused"),
    [
        ({}, False, False),
        ({"path": ".bashrc"}, True, False),
        ({"path": "Makefile", "left_out": ""}, True, False),
        ({"path": "random.py"}, True, False),
        ({"left_out": "its own reason"}, True, False),
        ({"refused": "its own reason"}, False, True),
        ({"type": "link", "data": "L2V0Yy9wYXNzd2Q="}, False, True),
        ({"type": "link", "data": "Li4vLi4veA=="}, False, True),
        ({"type": "link", "data": "Yg=="}, False, False),
        ({"type": "special", "data": None}, False, True),
        ({"data": None, "size": 5}, False, True),
    ],
)
def test_what_may_be_applied_is_found_out_anew(parts, left_out, refused):
    change = one(**parts)
    assert (bool(change.left_out), bool(change.refused)) == (left_out, refused)


def test_changes_are_applied_elsewhere_or_not_at_all(tmp_path):
    changes = Result.from_dict(RESULT.to_dict()).changes
    assert changes.original is None
    with pytest.raises(sm.NotApplied, match="no directory to apply"):
        changes.apply()
    changes.apply("a b.csv", to=tmp_path)
    assert (tmp_path / "a b.csv").read_bytes() == b"1,2"


class Hostile(dict):
    pass


def circle():
    whole = changed()
    whole["displays"].append(whole)
    return whole


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


PICKLED = base64.b64encode(pickle.dumps(print)).decode()
BAD = {
    "no dict": [],
    "text": "{}",
    "nothing": None,
    "a dict of another class": Hostile(changed()),
    "empty": {},
    "another format": changed(format="memray"),
    "a set": changed(displays={1}),
    "bytes": changed(stdout=b"x"),
    "a tuple": changed(displays=()),
    "keys that are no text": changed(outputs={1: {"value": 1}}),
    "a kind of display that is no text": changed(displays=[{"data": {5: "x"}}]),
    "a number without end": changed(exit_code=10**5000),
    "a circle": circle(),
    "nested too deep": changed(outputs={"a": {"value": nested(100_000)}}),
    "text that is a number": changed(stdout=5),
    "bytes that are no base64": changed(stdout_bytes="%%"),
    "bytes that are no ASCII": changed(stdout_bytes="π"),
    "an end that is text": changed(finished="yes"),
    "an error that is text": changed(error="no"),
    "an error with a list": changed(error={"name": ["E"]}),
    "an error without bounds": changed(error={"name": "E", "message": "x" * 2**24}),
    "displays that are none": changed(displays=["x"]),
    "a display of another kind": changed(displays=[{"data": {}, "kind": "html"}]),
    "a display of numbers": changed(displays=[{"data": {"text/plain": 1}}]),
    "a display without bounds": changed(displays=[{"data": {"text/plain": "x" * 2**24}}]),
    "a display of many types": changed(displays=[{"data": {f"a/{n}": "" for n in range(2000)}}]),
    "outputs that are a list": changed(outputs=[1]),
    "an output without its form": changed(outputs={"a": 1}),
    "an output of another form": changed(outputs={"a": {"pickle": PICKLED}}),
    "an output that is no name": changed(outputs={"a b": {"value": 1}}),
    "an output that hides another": changed(outputs={"a,b": {"value": 1}}),
    "an output that is a keyword": changed(outputs={"class": {"value": 1}}),
    "an output without bounds": changed(outputs={"a": {"codec": "A" * 2**27}}),
    "changes that are a list": changed(changes=[]),
    "a change that leads out": changed(changes={"entries": [entry(path="../a")]}),
    "a change of the root": changed(changes={"entries": [entry(path="/etc/passwd")]}),
    "a change without a name": changed(changes={"entries": [entry(path="")]}),
    "a change that no system knows": changed(changes={"entries": [entry(path="\ud800")]}),
    "a name twice": changed(changes={"entries": [entry(), entry()]}),
    "a file below a file": changed(changes={"entries": [entry(), entry(path="a/b")]}),
    "another kind of change": changed(changes={"entries": [entry(kind="renamed")]}),
    "another type of file": changed(changes={"entries": [entry(type="device")]}),
    "a removed file with data": changed(changes={"entries": [entry(kind="removed")]}),
    "a directory with data": changed(changes={"entries": [entry(type="directory")]}),
    "a link without a target": changed(changes={"entries": [entry(type="link", data=None)]}),
    "a link without bounds": changed(changes={"entries": [entry(type="link", data="A" * 2**16)]}),
    "a size that is none": changed(changes={"entries": [entry(size="1")]}),
}  # fmt: skip


@pytest.mark.parametrize("whole", BAD.values(), ids=BAD)
def test_what_is_no_result_is_refused_in_words(whole):
    with pytest.raises(ValueError, match="this is not a result") as caught:
        Result.from_dict(whole)
    assert isinstance(caught.value, sm.SandboxError)
    assert caught.value.seen.replace("\n", " ").isprintable()
    assert 0 < len(caught.value.seen) < 1000
    assert caught.value.remedy == "what Result.to_dict() returned"


def test_a_newer_version_says_what_to_do():
    with pytest.raises(ValueError, match=r"version '2', not 1\nTry: pip install --upgrade"):
        Result.from_dict(changed(version=2))


@pytest.mark.parametrize("codec_bytes", [b"", b"\x80\x04.", pickle.dumps(print), codec.encode([1], most=99)[:-1]])
def test_an_output_that_can_not_be_read_is_missing_and_said(codec_bytes):
    result = Result.from_dict(changed(outputs={"a": {"codec": base64.b64encode(codec_bytes).decode()}}))
    assert result.outputs == {}
    assert result.notes[-1].startswith("`a` is missing: ")


def test_a_completed_run_has_no_error_and_another_has_not_finished():
    assert Result.from_dict(changed(outcome="COMPLETED", exit_code=0, finished=True)).error is None
    assert Result.from_dict(changed(finished=True)).finished is False


def test_too_much_of_it_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(record, "MOST_CHARACTERS", 10_000)
    with pytest.raises(ValueError, match="10,000 characters"):
        Result.from_dict(changed(stdout="x" * 10_000))
    monkeypatch.setattr(record, "MOST_VALUES", 1000)
    with pytest.raises(ValueError, match="1,000 values"):
        Result.from_dict(changed(displays=[None] * 1000))


def test_nothing_of_a_result_is_forgotten():
    """A field that is added to it is added here too."""
    assert {field.name for field in fields(Result)} - RESULT.to_dict().keys() == set()
    assert all(getattr(RESULT, field.name) != field.default for field in fields(Result) if field.name not in SAME)


SAME = {"signal", "limits", "isolation"}  # whose defaults the example has


ODD = (None, True, 0, -1, 2**62, 10**30, 1.5, float("nan"), "", "a", "../x", "\ud800", "\x1b[2J", "eA==", [], [1], {},
       {5: 1}, {"a": 1}, {"value": 1}, {"codec": "eA=="}, "link", "removed", "COMPLETED", b"x", (1,))  # fmt: skip


def places(value, above=()):
    """Yield the way to each place in plain JSON types."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in pairs:
        yield (*above, key)
        yield from places(below, (*above, key))


def test_whatever_a_stranger_changes_it_is_refused_or_does_no_harm():
    chance = random.Random(5)
    ways = list(places(changed()))
    refused = 0
    for _ in range(400):
        whole = changed()
        *above, last = chance.choice(ways)
        holder = whole
        for key in above:
            holder = holder[key]
        holder[last] = chance.choice(ODD)
        try:
            result = Result.from_dict(whole)
        except record.NotAResult:
            refused += 1
            continue
        assert repr(result)
        assert result._repr_mimebundle_()
        assert all(isinstance(data, bytes) for data in (*result.files.values(), *result.images()))
        assert result.changes is None or result.changes._repr_html_()
        Result.from_dict(json.loads(result.to_json()))
    assert 100 < refused < 400
