"""A journal: what is in it survives whatever happens to its end, and one process writes it at a time."""

import json
import os
import subprocess
import sys

import pytest

from sandbox_magic.batch import journal, rows
from sandbox_magic.batch.graded import Graded, Score
from sandbox_magic.batch.journal import Journal
from sandbox_magic.batch.results import Results
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.outcome import Outcome
from sandbox_magic.model.result import Result, Usage

KEYS = [f"{number:064x}" for number in range(1, 9)]


def row(name, **more):
    result = Result(
        outcome=Outcome.COMPLETED, exit_code=0, usage=Usage(wall_seconds=1.0), stdout=f"{name}\n", outputs={"x": 1}
    )
    return Graded(name=name, result=result, **more)


def fill(path, names="abc"):
    with Journal(path) as kept:
        kept.add(
            (key, rows.pack(row(name, score=Score(points=1, of=2)))) for key, name in zip(KEYS, names, strict=False)
        )


def test_it_gives_back_what_it_was_given(tmp_path):
    path = tmp_path / "night.jsonl"
    fill(path)
    with Journal(path) as kept:
        assert len(kept) == 3
        assert KEYS[3] not in kept
        assert kept.read(KEYS[3]) is None
        found = kept.read(KEYS[1])
        kept.add([(KEYS[4], rows.pack(row("d")))])
        assert kept.read(KEYS[4]).name == "d"
    assert (found.name, found.stdout, found.outputs, found.score) == ("b", "b\n", {"x": 1}, Score(points=1, of=2))
    results = Results.read(path)
    assert [each.name for each in results] == ["a", "b", "c", "d"]
    assert all(json.loads(line) for line in path.read_bytes().splitlines())


def test_a_torn_end_is_cut_off_wherever_it_is_torn(tmp_path):
    whole, path = tmp_path / "whole", tmp_path / "torn"
    fill(whole)
    data = whole.read_bytes()
    ends = [at + 1 for at in range(len(data)) if data[at : at + 1] == b"\n"]
    for length in {*range(0, len(data), 97), *ends, *(end - 1 for end in ends)}:
        path.write_bytes(data[:length])
        with Journal(path) as kept:
            assert len(kept) == max(0, sum(end <= length for end in ends) - 1)
            kept.add([(KEYS[5], rows.pack(row("z")))])
        lines = path.read_bytes().splitlines(keepends=True)
        assert lines[0] == journal.FIRST
        assert [json.loads(line) for line in lines]
        assert Results.read(path)[-1].name == "z"


def test_a_line_that_somebody_changed_is_run_again_and_each_key_counts_once(tmp_path):
    path = tmp_path / "night.jsonl"
    fill(path)
    first, one, two, three = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join((first, one, b"{}\n", two[:-9] + b"\n", three, three.replace(b'"c"', b'"forged"'))))
    with Journal(path) as kept:
        assert [key in kept for key in KEYS[:3]] == [True, False, True]
        assert kept.read(KEYS[2]).name == "c"
    assert [each.name for each in Results.read(path)] == ["a", "c"]


@pytest.mark.parametrize("content", [b"name,score\nada,1\n", b'{"format":"sandbox_magic journal","version":2}\n'])
def test_another_kind_of_file_stays_as_it_is(tmp_path, content):
    path = tmp_path / "marks.csv"
    path.write_bytes(content)
    with pytest.raises(PolicyError, match="is no journal"):
        Journal(path)
    with pytest.raises(PolicyError, match="is no journal"):
        Results.read(path)
    assert path.read_bytes() == content


def test_it_is_written_by_one_at_a_time(tmp_path):
    path = tmp_path / "night.jsonl"
    code = "import sys\nfrom sandbox_magic.batch.journal import Journal\nJournal(sys.argv[1])\n"
    command = [sys.executable, "-P", "-c", code, path]
    with Journal(path):
        with pytest.raises(PolicyError, match="in use"):
            Journal(path)
        refused = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "in use" in refused.stderr
        assert len(Results.read(path)) == 0  # reading lets go of no lock
        with pytest.raises(PolicyError, match="in use"):
            Journal(path)
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_forked_worker_does_not_hold_it_when_its_host_has_closed_it(tmp_path):
    path = tmp_path / "night.jsonl"
    ready, done = os.pipe(), os.pipe()
    with Journal(path):
        child = os.fork()
        if not child:
            os.write(ready[1], b"1")
            os.close(done[1])
            os.read(done[0], 1)
            os._exit(0)
        os.read(ready[0], 1)
    try:
        Journal(path).close()
    finally:
        for descriptor in (*ready, *done):
            os.close(descriptor)
        os.waitpid(child, 0)


def test_what_can_not_be_written_whole_is_taken_back(tmp_path, monkeypatch):
    path = tmp_path / "night.jsonl"
    fill(path)
    before = path.read_bytes()
    write = os.write

    def half(descriptor, data):
        if len(data) < 100:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[:80])

    with Journal(path) as kept:
        monkeypatch.setattr(os, "write", half)
        with pytest.raises(OSError, match="No space"):
            kept.add([(KEYS[6], rows.pack(row("e")))])
        monkeypatch.undo()
        assert KEYS[6] not in kept
    assert path.read_bytes() == before


def test_a_row_that_can_not_be_read_gives_way_to_a_later_one_and_no_other_does(tmp_path):
    path = tmp_path / "night.jsonl"
    fill(path)
    path.write_bytes(path.read_bytes().replace(b'"outcome":"COMPLETED"', b'"outcome":"CONQUERED"', 1))
    with Journal(path) as kept:
        assert [kept.read(key) is None for key in KEYS[:3]] == [True, False, False]
        kept.add([(KEYS[0], rows.pack(row("a"))), (KEYS[1], rows.pack(row("another")))])
    with Journal(path) as kept:
        assert [kept.read(key).name for key in KEYS[:3]] == ["a", "b", "c"]
    assert [each.name for each in Results.read(path)] == ["a", "b", "c"]


def test_lines_that_are_nested_deeper_than_python_reads_are_none(tmp_path):
    path = tmp_path / "night.jsonl"
    fill(path)
    with path.open("ab") as file:
        file.write(b'{"key":"%s","row":%s%s}\n' % (KEYS[4].encode(), b"[" * 100_000, b"]" * 100_000))
    with Journal(path) as kept:
        assert len(kept) == 3


REST = '"why":"","result":null}'


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"1",
        b"{}",
        b'{"name":1}',
        b'{"name":"a","case":[],"score":null,"why":"","result":{}}',
        f'{{"name":"a","case":Infinity,"score":null,{REST}'.encode(),
        f'{{"name":"a","case":1,"score":{{"points":1{"0" * 400},"of":1,"note":""}},{REST}'.encode(),
        f'{{"name":{"[" * 100_000}{"]" * 100_000},"case":1,"score":null,{REST}'.encode(),
    ],
    ids=range(8),
)
def test_what_is_no_row_is_refused(line):
    with pytest.raises(ValueError):
        rows.unpack(line)
