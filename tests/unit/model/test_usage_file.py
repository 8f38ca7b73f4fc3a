"""The resource usage file: what is written is read again, and nothing else is taken for it."""

import json
from dataclasses import replace

import pytest

from sandbox_magic import Guard, Isolation, Limits, Mark, NetworkUsage, Outcome, Result, Sample, Timeline, Usage
from sandbox_magic.model.units import MIB
from sandbox_magic.model.usage_file import FORMAT, MOST_CHARACTERS, VERSION, BadUsageFile, from_json, to_json
from sandbox_magic.picture import course

RESULT = Result(
    outcome=Outcome.OUT_OF_MEMORY,
    signal=9,
    dropped_bytes=5,
    usage=Usage(
        wall_seconds=3.25,
        cpu_seconds=3.0,
        peak_memory_bytes=64 * MIB,
        peak_processes=2,
        park_seconds=0.02,
        network={"a.test": NetworkUsage(connections=2, sent_bytes=5), "b.test:80": NetworkUsage()},
    ),
    limits=Limits(wall_seconds=None, memory_bytes=64 * MIB),
    timeline=Timeline(
        tuple(Sample(seconds=n / 10, cpu_percent=None if n == 3 else 99.5, memory_bytes=n * MIB) for n in range(1, 33)),
        memory_source="cgroup",
        peaks=(("memory_bytes", 64.0 * MIB),),
        marks=(Mark("sorted", 1.5, own=True),),
    ),
    isolation=Isolation(
        guards=(Guard(name="memory", kind="limit", mechanism="cgroup v2", strength="watched", remedy="a π"),),
        shared=("/opt/venv",),
        bwrap="bubblewrap 0.11.0",
    ),
    notes=("It needed more.",),
)


def changed(**parts):
    return json.dumps(json.loads(to_json(RESULT)) | parts)


def part(name, **values):
    return changed(**{name: json.loads(to_json(RESULT))[name] | values})


def test_a_result_is_read_as_it_was_written():
    assert from_json(to_json(RESULT)) == RESULT


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_comes_back_and_is_drawn_the_same(outcome):
    result = replace(RESULT, outcome=outcome, signal=None, exit_code=1)
    again = from_json(to_json(result))
    assert again == result
    assert course.svg(again) == course.svg(result)


def test_the_file_has_the_documented_keys_and_none_of_the_output():
    written = to_json(replace(RESULT, stdout="SECRET", stderr="SECRET", stdout_bytes=b"SECRET"))
    whole = json.loads(written)
    assert (whole["format"], whole["version"], whole["outcome"]) == (FORMAT, VERSION, "OUT_OF_MEMORY")
    assert whole["usage"]["wall_seconds"] == 3.25
    assert whole["limits"]["wall_seconds"] is None
    assert whole["timeline"]["samples"][2]["cpu_percent"] is None
    assert whole["isolation"]["guards"][0]["strength"] == "watched"
    assert "SECRET" not in written
    assert len(written.splitlines()) == len(whole) + 2, "a line for each key, to be read by a person too"


def test_keys_of_a_later_version_with_the_same_number_are_passed_over():
    assert from_json(changed(colour="blue")) == RESULT
    assert from_json(part("usage", gpu_seconds=3)) == RESULT


def test_what_has_a_default_may_be_missing():
    whole = json.loads(to_json(RESULT))
    del whole["timeline"]["marks"], whole["usage"]["park_seconds"]
    again = from_json(json.dumps(whole))
    assert (again.timeline.marks, again.usage.park_seconds) == ((), 0.0)


@pytest.mark.parametrize(
    "network",
    [5, ["a.test"], {"a.test": 5}, {"a.test": {"connections": -1}}, {"a.test": {"connections": "2"}},
     {f"a{number}.test": {} for number in range(101)}],
)  # fmt: skip
def test_figures_of_a_network_are_checked(network):
    with pytest.raises(BadUsageFile):
        from_json(part("usage", network=network))


def test_a_strangers_text_can_not_drive_a_terminal():
    (note,) = from_json(changed(notes=["\x1b]0;title\x07\x00"])).notes
    assert note.isprintable()


BAD = {
    "empty": "",
    "no JSON": "usage: 5",
    "another object": "{}",
    "a list": "[]",
    "too deep": "[" * 100_000,
    "too big": " " * (MOST_CHARACTERS + 1),
    "another format": changed(format="memray"),
    "an unknown outcome": changed(outcome="GOOD"),
    "an outcome that is no text": changed(outcome=["COMPLETED"]),
    "a status that is text": changed(exit_code="0"),
    "a status that is true": changed(exit_code=True),
    "a status that drives a terminal": changed(exit_code="\x1b]0;x\x07\u202e"),
    "a negative signal": changed(signal=-9),
    "no usage": changed(usage=None),
    "usage without a time": changed(usage={}),
    "a time without an end": part("usage", wall_seconds=10**400),
    "not a number": to_json(RESULT).replace('"wall_seconds": 3.25', '"wall_seconds": NaN'),
    "infinity": to_json(RESULT).replace('"wall_seconds": 3.25', '"wall_seconds": 1e999'),
    "impossible limits": part("limits", memory_bytes=1),
    "samples that are none": part("timeline", samples=[1]),
    "samples that are no list": part("timeline", samples={"seconds": 1}),
    "a peak of three": part("timeline", peaks=[["memory_bytes", 1, 2]]),
    "another strength": part(
        "isolation", guards=[{"name": "a", "kind": "limit", "mechanism": "b", "strength": "huge"}]
    ),
    "notes that are text": changed(notes="all well"),
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_what_is_no_such_file_is_refused_with_what_would_be_right(text):
    with pytest.raises(BadUsageFile, match="this is not a resource usage file") as caught:
        from_json(text)
    assert caught.value.seen.replace("\n", " ").isprintable()
    assert caught.value.seen
    assert "--save-usage" in caught.value.remedy


@pytest.mark.parametrize("missing", ["outcome", "usage", "timeline", "isolation", "notes"])
def test_a_missing_part_is_named(missing):
    whole = json.loads(to_json(RESULT))
    del whole[missing]
    with pytest.raises(BadUsageFile, match=f"{missing} is missing"):
        from_json(json.dumps(whole))


def test_a_newer_version_says_what_to_do():
    with pytest.raises(BadUsageFile, match=r"version '2', not 1\nTry: pip install --upgrade"):
        from_json(changed(version=2))
