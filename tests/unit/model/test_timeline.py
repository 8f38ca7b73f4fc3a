"""The series of samples: bounded for a run of any length, its peak kept."""

import csv
import io
import json
import sys
from dataclasses import asdict, fields
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_magic import Mark, Sample, SandboxError, Timeline
from sandbox_magic.model import timeline as timeline_module
from sandbox_magic.model.timeline import MOST_SAMPLES, Recorder, _extremes

settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")


def recorded(memories, most=MOST_SAMPLES):
    recorder = Recorder(most)
    for n, memory in enumerate(memories):
        recorder.add(Sample(seconds=n / 10, memory_bytes=memory))
    return recorder.timeline()


def test_a_day_at_four_samples_a_second_stays_small_and_keeps_its_peaks_its_dips_and_its_marks():
    """Checked at the end and on the way: the live picture is made from the same series."""
    recorder = Recorder()
    special = {123_457: (50.0, 9999), 200_001: (50.0, 1), 300_003: (400.0, 700), 310_003: (0.0, 700)}
    for n in range(24 * 3600 * 4):
        cpu, memory = special.get(n, (40.0 + n % 37, 500 + n % 1000))
        recorder.add(Sample(seconds=n / 4, cpu_percent=cpu, memory_bytes=memory))
        if n % 10_000 == 0:
            recorder.mark(Mark(f"mark {n}", n / 4))
            assert len(recorder.timeline().samples) <= MOST_SAMPLES
    timeline = recorder.timeline()
    samples = timeline.samples
    assert MOST_SAMPLES / 3 <= len(samples) <= MOST_SAMPLES
    seconds = [sample.seconds for sample in samples]
    assert {n / 4 for n in special} <= set(seconds)
    assert seconds == sorted(seconds)
    assert (seconds[0], seconds[-1]) == (0, 24 * 3600 - 0.25)
    assert max(later - earlier for earlier, later in pairwise(seconds)) < 1200
    assert len(timeline.marks) == 35


def test_a_sample_late_in_a_run_costs_what_one_at_its_beginning_costs(monkeypatch):
    """Counted in calls that look at many samples: a merge of all happens only when the run has doubled."""
    calls = []
    monkeypatch.setattr(timeline_module, "_extremes", lambda samples, real=_extremes: calls.append(1) or real(samples))
    recorder, counts = Recorder(), []
    for n in range(40_000):
        recorder.add(Sample(seconds=n, cpu_percent=n % 7, memory_bytes=n % 11))
        if n % 20_000 == 19_999:
            counts.append(len(calls))
    assert counts[0] < 20_000
    assert counts[1] - counts[0] <= counts[0]


def test_a_short_run_keeps_every_sample():
    most = MOST_SAMPLES - 6
    timeline = recorded(range(most))
    assert [sample.memory_bytes for sample in timeline.samples] == list(range(most))


VALUES = st.one_of(st.none(), st.integers(0, 5))


@given(st.lists(st.tuples(VALUES, VALUES), max_size=150), st.sampled_from([10, 11, 16, 37, 64]))
def test_any_series_is_bounded_ordered_and_keeps_the_least_and_the_most_of_both_curves(pairs, most):
    recorder = Recorder(most)
    taken = [Sample(seconds=n, cpu_percent=cpu, memory_bytes=memory) for n, (cpu, memory) in enumerate(pairs)]
    for sample in taken:
        recorder.add(sample)
        assert len(recorder.timeline().samples) <= most
    kept = recorder.timeline().samples
    assert [sample.seconds for sample in kept] == sorted({sample.seconds for sample in kept})
    assert all(sample is taken[sample.seconds] for sample in kept)
    assert (kept[:1], kept[-1:]) == (tuple(taken[:1]), tuple(taken[-1:]))
    for name in ("cpu_percent", "memory_bytes"):
        known, still = ([v for s in series if (v := getattr(s, name)) is not None] for series in (taken, kept))
        assert (min(known, default=None), max(known, default=None)) == (
            min(still, default=None),
            max(still, default=None),
        )


def test_a_peak_just_before_the_end_of_a_long_run_is_kept():
    assert recorded([1] * 18 + [9, 1], most=10).peak("memory_bytes") == 9


def test_a_stretch_of_which_nothing_is_known_stays_a_gap():
    samples = recorded([1] * 40 + [None] * 40 + [1] * 40, most=20).samples
    assert any(sample.memory_bytes is None for sample in samples)


def test_the_newest_sample_is_included():
    assert recorded([1] * 24 + [9, 1], most=10).samples[-1].seconds == 2.5


def test_a_peak_of_processes_survives_thinning():
    recorder = Recorder(10)
    for n in range(40):
        recorder.add(Sample(seconds=n, memory_bytes=100 - n, processes=9 if n == 5 else 1))
    assert recorder.timeline().peak("processes") == 9
    assert 9 not in {sample.processes for sample in recorder.timeline().samples}


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


def test_a_frame_has_a_row_for_each_sample_and_unknown_is_nan():
    pytest.importorskip("pandas")
    samples = (Sample(seconds=0.5, memory_bytes=7, processes=2), Sample(seconds=1.5))
    frame = Timeline(samples).to_frame()
    assert frame.index.name == "seconds"
    assert list(frame.index) == [0.5, 1.5]
    assert list(frame.columns) == [field.name for field in fields(Sample) if field.name != "seconds"]
    assert frame.loc[0.5, "memory_bytes"] == 7
    assert frame.loc[1.5].isna().all()
    assert len(Timeline().to_frame()) == 0


def test_without_pandas_a_frame_is_refused_with_a_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(SandboxError) as caught:
        Timeline().to_frame()
    assert "pip install pandas" in caught.value.remedy
    assert isinstance(caught.value.__cause__, ImportError)


def test_a_pandas_of_the_working_directory_is_not_imported(monkeypatch, tmp_path):
    (tmp_path / "pandas.py").write_text("raise SystemExit('a stranger')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "pandas", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(SandboxError):
        Timeline().to_frame()
