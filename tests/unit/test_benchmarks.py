"""The benchmark's own arithmetic: what alternates, and what a row says."""

from __future__ import annotations

import pytest

from benchmarks import measure


def test_ways_alternate_and_the_first_round_does_not_count(monkeypatch):
    monkeypatch.setenv("ROUNDS", "2")
    done = []

    def way(name):
        def run():
            done.append(name)
            return {"result": len(done)}

        return measure.Way(run=run, prepare=lambda: done.append(f"prepare {name}"))

    found = measure.alternate({"a": way("a"), "b": way("b")}, usual=9, pause_seconds=0.0)
    assert done == ["prepare a", "a", "prepare b", "b"] * 3
    assert found == {"a": {"result": [6, 10]}, "b": {"result": [8, 12]}}


def test_ratios_are_to_the_median_of_the_base():
    found = {"base": {"result": [1.0, 2.0, 3.0]}, "ours": {"first text": [0.5], "result": [4.0, 1.0, 1.0]}}
    first, base, ours = sorted(measure.rows("s", found, unit="ms", base=("base", "result")), key=lambda row: row.what)
    assert (first.median, first.p99, first.ratio) == (0.5, None, 0.25)
    assert (base.median, base.p99, base.ratio, base.p99_ratio) == (2.0, 3.0, 1.0, 1.5)
    assert (ours.median, ours.p99, ours.ratio, ours.p99_ratio) == (1.0, 4.0, 0.5, 2.0)


def test_a_subject_that_is_not_there_is_refused(monkeypatch):
    from benchmarks import __main__ as program

    monkeypatch.setenv("ONLY", "start,nothing")
    with pytest.raises(SystemExit, match="nothing"):
        program.main()
