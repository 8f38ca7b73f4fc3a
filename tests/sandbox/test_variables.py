"""Variables into a sandbox and out of it, by their values."""

from __future__ import annotations

import datetime as dt
import signal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import sandbox_magic as sm
from sandbox_magic import Outcome, PolicyError
from sandbox_magic.model.events import Ended, Output
from sandbox_magic.untrusted.budget import Budget

VALUES = {
    "n": 10**30,
    "text": "π\0\ud800",
    "data": b"\0\xff",
    "nested": {"k": [1.5, None, (True, {"a", "b"})], 7: b""},
    "when": dt.datetime(2026, 11, 24, 10, 30, tzinfo=dt.UTC),
    "array": np.arange(6, dtype="<i2").reshape(2, 3),
    "frame": pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": pd.Categorical(["u", "v"])}, index=[5, 6]),
    "table": pa.table({"x": [1, None, 3]}),
}


def same(one, other):
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
        return True
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return type(one) is type(other) and one == other


def test_values_come_back_as_they_went():
    """Through the code and out again, with their types and dtypes."""
    result = sm.run(f"{', '.join(f'{name}2' for name in VALUES)} = {', '.join(VALUES)}",
                    inputs=VALUES, outputs=[f"{name}2" for name in VALUES], memory="1G")  # fmt: skip
    assert result.ok, result.stderr
    assert result.notes == ()
    for name, value in VALUES.items():
        assert same(value, result.outputs[f"{name}2"]), name


def test_the_codes_own_changes_are_on_a_copy():
    given = {"rows": [1, 2]}
    result = sm.run("rows.append(3)\ntotal = sum(rows)", inputs=given, outputs="total,rows")
    assert (given, dict(result.outputs)) == ({"rows": [1, 2]}, {"total": 6, "rows": [1, 2, 3]})


@pytest.mark.parametrize("value", [lambda: 1, open, object(), {"a": [1, {"b": sm}]}], ids=["lambda", "f", "o", "deep"])
def test_what_can_not_go_in_is_refused_by_name_before_the_run(value):
    with pytest.raises(PolicyError, match=r"input thing.*can't be passed in") as caught:
        sm.run("print('ran')", inputs={"thing": value})
    assert caught.value.remedy


def test_what_can_not_come_out_is_told_and_the_rest_comes():
    code = "good = 1\nbad = {'k': [lambda: 1]}\nclass E:\n    def __reduce__(self): return (print, ('x',))\nworse = E()"
    result = sm.run(code, outputs=["good", "bad", "worse", "absent"])
    assert dict(result.outputs) == {"good": 1}
    assert [note.split()[:3] for note in result.notes] == [[name, "is", "missing:"] for name in MISSING]
    assert "['k'][0] is a function, which can't be passed out. Try: " in result.notes[0]
    assert result.notes[2] == "`absent` is missing: it is not defined at the end of the cell."


MISSING = ("`bad`", "`worse`", "`absent`")


@pytest.mark.parametrize("end", ["os._exit(0)", "os.execv('/bin/true', ['true'])", "os.close(3)"])
def test_what_was_not_sent_is_missing_with_the_cause(end):
    """It completed, so nothing else says it; the control: without that line it comes."""
    assert sm.run("import os\ngot = 1", outputs=["got"]).outputs == {"got": 1}
    result = sm.run(f"import os\ngot = 1\n{end}", outputs=["got"])
    assert (result.outcome, dict(result.outputs)) == (Outcome.COMPLETED, {})
    assert result.notes == ("`got` is missing: the code quit before its last line, or closed descriptor 3.",)


@pytest.mark.parametrize(
    "end", ["1 / 0", "raise SystemExit(1)", "import os; os.abort()", "import time; time.sleep(9)",
            "import atexit, os; atexit.register(os._exit, 3)"],
)  # fmt: skip
def test_a_cell_that_failed_sets_no_variable(end):
    result = sm.run(f"total = 1\n{end}", outputs=["total"], timeout=0.5)
    assert not result.ok
    assert dict(result.outputs) == {}


def test_an_output_is_an_event_before_the_end():
    *_, output, end = sm.stream("total = 1\nraise SystemExit(0)", outputs=["total"])
    assert output == Output("total", 1)
    assert isinstance(end, Ended)


# What our guest would send, but with a pickle in place of the value.
FORGED = """
import os, pickle, struct
class P:
    def __reduce__(self): return (os.system, ("touch @MARKER@",))
def send(*fields):
    body = b"".join(struct.pack(">I", len(field)) + field for field in fields)
    os.write(3, struct.pack(">I", len(body)) + body)
send(b"output", b"0", b"evil", b"1", pickle.dumps(P()))
os._exit(0)
"""


def test_nothing_is_unpickled(tmp_path):
    """What claims to be a value on the wire is decoded as one, or told to be broken."""
    marker = tmp_path / "marker"
    code = FORGED.replace("@MARKER@", str(marker))
    result = sm.run(code, outputs=["evil"])
    assert dict(result.outputs) == {}
    assert "`evil` is missing: it can't be read: it does not begin as a value does." in result.notes
    assert not marker.exists()
    exec(code.partition("def send")[0] + "pickle.loads(pickle.dumps(P()))", {})  # the control: unpickled, it acts
    assert marker.exists()


def test_too_much_is_refused_in_both_directions():
    with pytest.raises(PolicyError, match="input big"):
        sm.run("1", inputs={"big": bytes(65 * 2**20)})
    result = sm.run("big = bytes(65 * 2**20)", outputs=["big"], memory="1G")
    assert result.outcome is Outcome.COMPLETED
    assert "big" in result.notes[0]


def test_a_module_that_the_inside_lacks_is_named():
    """A frame for a Python that has no pandas: the code fails with words that say so."""
    result = sm.run("print(len(df))", inputs={"df": VALUES["frame"]}, python="system")
    if result.ok:
        assert result.stdout == "2\n"
    else:
        assert "pandas" in result.stderr or "numpy" in result.stderr or "pyarrow" in result.stderr


@pytest.mark.parametrize("how", ["run", "stream"])
def test_ctrl_c_while_variables_are_read_keeps_the_result(monkeypatch, how):
    """The variable that is read at that moment, and those after it, are named; the run has completed all the same."""
    check, looks = Budget.check, []

    def interrupted(self):
        looks.append(1)
        if len(looks) == 3:
            signal.raise_signal(signal.SIGINT)
        check(self)

    monkeypatch.setattr(Budget, "check", interrupted)
    code = "a = 1\nb = [[n, 'x'] for n in range(1000)]\nc = 2"
    if how == "run":
        result = sm.run(code, outputs=["a", "b", "c"])
    else:
        *_, end = sm.stream(code, outputs=["a", "b", "c"])
        result = end.result
    assert (result.outcome, dict(result.outputs)) == (Outcome.COMPLETED, {"a": 1})
    assert [note.split()[0] for note in result.notes if "interrupted" in note] == ["`b`", "`c`"]


def test_keys_that_were_made_to_collide_do_not_hold_up_the_result():
    """What the code's own guest would send, written by the code: a run of a third of a second came back after hours."""
    keys = "keys = [n * (2**61 - 1) for n in range(3)] + [n << 40 for n in range(20)]"
    assert sm.run(f"{keys}\nd = dict.fromkeys(keys)", outputs=["d"]).outputs["d"].keys()  # type: ignore[attr-defined] # what came out is an object to checkers
    result = sm.run(COLLIDING, outputs=["d"])
    assert dict(result.outputs) == {}
    assert "collide" in result.notes[0]


COLLIDING = """
import os, struct
keys = [n * (2**61 - 1) for n in range(4)] * 100_000
value = b"smv1S" + b"Lq" + struct.pack(">I", len(keys)) + struct.pack("<%dq" % len(keys), *keys)
body = b"".join(struct.pack(">I", len(field)) + field for field in (b"output", b"0", b"d", b"1", value))
os.write(3, struct.pack(">I", len(body)) + body)
os._exit(0)
"""
