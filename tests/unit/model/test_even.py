"""What is drawn of a run's samples: at equal distances, with a gap for each pause."""

import math
from itertools import pairwise
from statistics import mean, pstdev

import pytest

from sandbox_magic import Mark, Sample, Timeline
from sandbox_magic.model.even import drawn, even
from sandbox_magic.model.timeline import MOST_SAMPLES, Recorder


def moments(seconds):
    """When a run of so many seconds is looked at: every hundredth at first, four times a second later."""
    now = 0.0
    while now < seconds:
        now += min(max(0.02 * now, 0.01), 0.25)
        yield now


def pulsing(seconds, period=0.06):
    """A program that computes for half of each period and sleeps for the other, as it is recorded."""
    recorder, before = Recorder(), (0.0, 0.0)
    for now in moments(seconds):
        used = period / 2 * (now // period) + min(now % period, period / 2)
        percent = 100 * (used - before[1]) / (now - before[0])
        recorder.add(Sample(seconds=now, cpu_seconds=used, cpu_percent=percent, memory_bytes=2**20))
        before = now, used
    return recorder.timeline()


@pytest.mark.parametrize(("seconds", "taken"), [(24, 30), (600, 15)])
def test_a_steady_program_looks_the_same_from_its_beginning_to_its_end(seconds, taken):
    timeline = pulsing(seconds)
    raw = [sample.cpu_percent for sample in timeline.samples]
    assert pstdev(raw[: len(raw) // 3]) > taken  # as it was taken, it would seem to calm down
    values = [sample.cpu_percent for sample in even(timeline.samples)]
    thirds = [values[len(values) * n // 3 : len(values) * (n + 1) // 3] for n in range(3)]
    assert [round(mean(third) / 10) for third in thirds] == [5, 5, 5]
    assert max(map(pstdev, thirds)) < 8


@pytest.mark.parametrize("seconds", [0.3, 3, 24, 600])
def test_the_distances_are_equal(seconds):
    points = even(pulsing(seconds).samples)
    gaps = [after.seconds - before.seconds for before, after in pairwise(points)]
    assert gaps[:-1] == pytest.approx([gaps[0]] * (len(gaps) - 1))
    assert 0.49 * gaps[0] < gaps[-1] < 1.51 * gaps[0]
    assert 10 < len(points) <= 301
    assert points[-1].seconds == pulsing(seconds).samples[-1].seconds


def test_a_short_peak_of_memory_is_kept_with_its_value():
    samples = [Sample(seconds=now, memory_bytes=9 if 0.5 < now < 0.51 else 1) for now in moments(24)]
    samples.append(Sample(seconds=24.5, memory_bytes=1))
    assert max(sample.memory_bytes for sample in even(samples)) == max(sample.memory_bytes for sample in samples) == 9


def test_memory_that_was_not_looked_at_lies_between_its_neighbours():
    samples = [
        *(Sample(seconds=n / 10, memory_bytes=100 * n) for n in range(1, 21)),
        Sample(seconds=3, memory_bytes=3000),
    ]
    values = [sample.memory_bytes for sample in even(samples)]
    assert values == sorted(values)
    assert max(after - before for before, after in pairwise(values)) <= 250


def test_what_is_not_known_stays_unknown():
    samples = [Sample(seconds=now, cpu_percent=None if 4 < now < 8 else 50.0) for now in moments(12)]
    points = even(samples)
    assert {point.cpu_percent for point in points if 4.5 < point.seconds < 7.5} == {None}
    assert {round(point.cpu_percent) for point in points if not 3.5 < point.seconds < 8.5} == {50}
    assert {point.memory_bytes for point in points} == {None}


def test_the_use_at_the_end_is_the_use_before_it():
    """The CPU time of the end has in it what it took to end the run."""
    recorder = Recorder()
    for now in moments(2):
        recorder.add(Sample(seconds=now, cpu_seconds=0.1 * now, cpu_percent=10.0, memory_bytes=1))
    timeline = recorder.timeline()
    end = timeline.samples[-1].seconds + 0.05
    points = even(timeline.ended(end, 10.0, None).samples)
    assert points[-1].seconds == end
    assert points[-1].cpu_percent == pytest.approx(10.0)


def test_samples_at_one_distance_are_left_as_they_are():
    samples = tuple(Sample(seconds=n / 10, cpu_percent=50 + math.sin(n)) for n in range(1, 40))
    assert tuple(even(samples)) == samples
    assert even(()) == []
    assert even(samples[:1]) == [samples[0]]


def test_a_pause_has_its_width_and_nothing_is_known_in_it():
    samples = tuple(Sample(seconds=n / 10, cpu_percent=50.0, memory_bytes=n) for n in range(1, 41))
    marks = (Mark("paused", 2.05), Mark("resumed", 2.05, paused_seconds=10.0), Mark("later", 3.0))
    course = drawn(Timeline(samples, marks=marks))
    assert course.samples[-1].seconds == pytest.approx(14.0)
    assert [mark.seconds for mark in course.marks] == pytest.approx([2.05, 12.05, 13.0])
    inside = [sample for sample in course.samples if 2.06 < sample.seconds < 12.04]
    assert inside == []
    (gap,) = [sample for sample in course.samples if sample.memory_bytes is None]
    assert gap.seconds == pytest.approx(2.05)


def test_a_pause_that_goes_on_has_its_width_too():
    samples = tuple(Sample(seconds=n / 10, memory_bytes=n) for n in range(1, 41))
    course = drawn(Timeline(samples), held_seconds=3.0)
    assert course.samples[-1] == Sample(seconds=7.0)
    assert course.samples[-3].memory_bytes == 40


def test_the_end_is_the_last_sample_and_nothing_after_it_is_kept():
    recorder = Recorder(MOST_SAMPLES - 1)
    for n in range(1, 2000):
        recorder.add(Sample(seconds=n / 10, cpu_seconds=n / 10, memory_bytes=50, processes=1))
    ended = recorder.timeline().ended(150.0, 160.0, 70)
    assert len(ended.samples) <= MOST_SAMPLES
    assert max(sample.seconds for sample in ended.samples[:-1]) < 150
    assert ended.samples[-1] == Sample(seconds=150.0, cpu_seconds=160.0, memory_bytes=70, processes=1)
    assert Timeline().ended(0.01, 0.02, None).samples == (Sample(seconds=0.01, cpu_seconds=0.02),)
