"""The series of samples: bounded for a run of any length, its peak kept."""

import csv
import io
import json
from dataclasses import asdict, fields
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_magic import Sample, Timeline
from sandbox_magic.timeline import MOST_SAMPLES, Recorder

settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")


def recorded(memories, most=MOST_SAMPLES):
    recorder = Recorder(most)
    for n, memory in enumerate(memories):
        recorder.add(Sample(seconds=n / 10, memory_bytes=memory))
    return recorder.timeline()


def test_a_day_at_four_samples_a_second_stays_small_and_keeps_its_peak():
    """Checked at the end and on the way: the live picture is made from the same series."""
    recorder = Recorder()
    for n in range(24 * 3600 * 4):
        recorder.add(Sample(seconds=n / 4, memory_bytes=9999 if n == 123_457 else n % 1000))
        if n % 50_000 == 0:
            assert len(recorder.timeline().samples) <= MOST_SAMPLES
    samples = recorder.timeline().samples
    assert MOST_SAMPLES / 2 <= len(samples) <= MOST_SAMPLES
    assert max(samples, key=lambda sample: sample.memory_bytes).seconds == 123_457 / 4
    seconds = [sample.seconds for sample in samples]
    assert seconds == sorted(seconds)
    assert seconds[-1] > 24 * 3600 - 600
    assert max(later - earlier for earlier, later in pairwise(seconds)) < 1200


def test_a_short_run_keeps_every_sample():
    timeline = recorded(range(MOST_SAMPLES - 1))
    assert [sample.memory_bytes for sample in timeline.samples] == list(range(MOST_SAMPLES - 1))


@given(st.lists(st.one_of(st.none(), st.integers(0, 5)), max_size=80), st.sampled_from([2, 4, 8, 16]))
def test_any_series_is_bounded_ordered_and_made_of_samples_that_were_taken(memories, most):
    timeline = recorded(memories, most)
    assert len(timeline.samples) <= most
    seconds = [sample.seconds for sample in timeline.samples]
    assert seconds == sorted(set(seconds))
    assert all(sample.memory_bytes == memories[round(sample.seconds * 10)] for sample in timeline.samples)
    assert bool(timeline.samples) == bool(memories)


def test_a_peak_just_before_the_end_of_a_long_run_is_kept():
    assert recorded([1] * 8 + [9, 1], most=4).peak("memory_bytes") == 9


def test_the_newest_sample_is_included():
    assert recorded([1] * 4 + [9, 1], most=4).samples[-1].seconds == 0.5


def test_a_peak_of_processes_survives_thinning():
    recorder = Recorder(4)
    for n in range(8):
        recorder.add(Sample(seconds=n, memory_bytes=10 - n, processes=9 if n == 1 else 1))
    assert recorder.timeline().peak("processes") == 9


def test_a_peak_ignores_what_is_not_known():
    timeline = Timeline((Sample(seconds=1), Sample(seconds=2, cpu_percent=7.0), Sample(seconds=3, cpu_percent=0.0)))
    assert timeline.peak("cpu_percent") == 7.0
    assert timeline.peak("memory_bytes") is None
    assert Timeline().peak("seconds") is None
    with pytest.raises(AttributeError):
        timeline.peak("memory")


VALUE = st.one_of(st.none(), st.integers(0, 2**60))
SAMPLES = st.lists(
    st.builds(
        Sample,
        seconds=st.floats(0, 1e6),
        cpu_percent=st.one_of(st.none(), st.floats(0, 1e5)),
        memory_bytes=VALUE,
        processes=VALUE,
        written_bytes=VALUE,
    ),
    max_size=5,
).map(tuple)


@given(SAMPLES)
def test_json_gives_every_field_back(samples):
    assert [Sample(**row) for row in json.loads(Timeline(samples).to_json())] == list(samples)


@given(SAMPLES)
def test_csv_gives_every_field_back_and_unknown_is_empty(samples):
    rows = list(csv.DictReader(io.StringIO(Timeline(samples).to_csv())))
    expected = [
        {name: "" if value is None else str(value) for name, value in asdict(sample).items()} for sample in samples
    ]
    assert rows == expected


def test_csv_begins_with_the_names_of_the_fields():
    assert Timeline().to_csv() == ",".join(field.name for field in fields(Sample)) + "\n"


def test_memory_says_what_it_counts():
    assert recorded([1]).memory_source == "pss"
    assert Recorder().timeline("rss").memory_source == "rss"
