"""A run's samples as they are drawn: at equal distances, and with a gap for each pause.

They are taken closely at first and widely later, and a long run keeps the extremes of each stretch. Drawn as they are,
a steady program would seem to calm down.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from sandbox_magic.model.timeline import Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sandbox_magic.model.timeline import Mark, Timeline

_FINEST_SECONDS = 0.01
_MOST_POINTS = 300
_EVEN = 1.5  # the widest distance by the narrowest, up to which samples are as good as even


def drawn(timeline: Timeline, held_seconds: float = 0.0) -> Timeline:
    """Return a timeline as it is drawn, its times those of a clock that goes on in a pause.

    Its peak of CPU is that of the curve.

    Args:
        timeline: The samples as they were taken.
        held_seconds: For how long the run is paused by now.
    """
    samples = list(_spread(even(timeline.samples), [mark for mark in timeline.marks if mark.paused_seconds]))
    if held_seconds and samples:
        last = samples[-1].seconds
        samples += [Sample(seconds=last), Sample(seconds=last + held_seconds)]
    return replace(
        timeline,
        samples=tuple(samples),
        marks=tuple(_spread_marks(timeline.marks)),
        peaks=tuple((name, value) for name, value in timeline.peaks if name != "cpu_percent"),
    )


def _spread(samples: Iterable[Sample], pauses: Sequence[Mark]) -> Iterator[Sample]:
    """Yield samples with each pause's time before those after it, in which nothing is known."""
    waiting, passed = list(pauses), 0.0
    for sample in samples:
        while waiting and waiting[0].seconds < sample.seconds:
            pause = waiting.pop(0)
            yield replace(sample, seconds=pause.seconds + passed)
            yield Sample(seconds=pause.seconds + passed)
            passed += pause.paused_seconds
            yield replace(sample, seconds=pause.seconds + passed)
        yield replace(sample, seconds=sample.seconds + passed) if passed else sample


def _spread_marks(marks: Iterable[Mark]) -> Iterator[Mark]:
    passed = 0.0
    for mark in marks:
        passed += mark.paused_seconds
        yield replace(mark, seconds=mark.seconds + passed) if passed else mark


def even(samples: Sequence[Sample]) -> list[Sample]:
    """Return samples at equal distances, each for the time since the one before.

    CPU is the mean of that time, memory and processes are the most in it; where the time was not looked at, memory is
    between the values before and after. What is not known stays unknown. The first one is at 0, the last at the end.
    """
    gaps = [after.seconds - before.seconds for before, after in pairwise(samples)]
    if len(gaps) < 2 or max(gaps) <= _EVEN * min(gaps):  # noqa: PLR2004 - one distance is equal to itself
        return list(samples)
    end = samples[-1].seconds
    edges = _edges(_step(gaps, end), end)
    seconds = [sample.seconds for sample in samples]
    used = _Integral(samples)
    points, begin = [replace(samples[0], seconds=0.0, cpu_percent=used.mean(0.0, edges[0]))], 0.0
    for edge in edges:
        inside = samples[bisect_left(seconds, _after(begin)) : bisect_left(seconds, _after(edge))]
        point = _most(inside) if inside else _between(samples, seconds, edge)
        points.append(replace(point, seconds=edge, cpu_percent=used.mean(begin, edge)))
        begin = edge
    if samples[-1].cpu_percent is None:  # the end of a run: what ending it took is no use of the code's
        points[-1] = replace(points[-1], cpu_percent=points[-1].cpu_percent or points[-2].cpu_percent)
    return points


def _after(seconds: float) -> float:
    """Return a bound that a sample at this very moment, or a rounding error later, lies below."""
    return seconds + 1e-9


def _step(gaps: Sequence[float], end: float) -> float:
    """Return the distance: half of the time was looked at as closely, and doubling it keeps the places it had."""
    passed, typical = 0.0, 0.0
    for gap in sorted(gaps):
        typical, passed = gap, passed + gap
        if passed >= end / 2:
            break
    step = _FINEST_SECONDS
    while step < 0.99 * typical or end / step > _MOST_POINTS:
        step *= 2
    return step


def _edges(step: float, end: float) -> list[float]:
    """Return the ends of the stretches; the last one is between half a step and one and a half."""
    return [*(number * step for number in range(1, max(1, round(end / step)))), end]


class _Integral:
    """The CPU time of a run at any moment.

    Args:
        samples: At least one.
    """

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._seconds = [0.0]
        self._known = [0.0]  # seconds of which the use is known
        self._used = [0.0]
        before = replace(samples[0], seconds=0.0, cpu_seconds=0.0)
        for sample in samples:
            span, used = sample.seconds - before.seconds, _used(before, sample)
            self._seconds.append(sample.seconds)
            self._known.append(self._known[-1] + (0.0 if used is None else span))
            self._used.append(self._used[-1] + (used or 0.0))
            before = sample

    def mean(self, begin: float, end: float) -> float | None:
        """Return the use between two moments, in percent of one core."""
        known, used = (self._at(end, values) - self._at(begin, values) for values in (self._known, self._used))
        return 100 * used / known if known > (end - begin) / 2 else None

    def _at(self, moment: float, values: Sequence[float]) -> float:
        right = min(max(1, bisect_left(self._seconds, moment)), len(values) - 1)
        left, span = right - 1, self._seconds[right] - self._seconds[right - 1]
        share = (moment - self._seconds[left]) / span if span else 1.0
        return values[left] + share * (values[right] - values[left])


def _used(before: Sample, sample: Sample) -> float | None:
    """Return the CPU seconds between two samples."""
    if sample.cpu_percent is None:
        return None
    if before.cpu_seconds is not None and sample.cpu_seconds is not None:
        return max(0.0, sample.cpu_seconds - before.cpu_seconds)
    return sample.cpu_percent / 100 * (sample.seconds - before.seconds)


def _most(inside: Sequence[Sample]) -> Sample:
    """Return the sample with the most memory, with the most processes of all."""
    best = max(inside, key=lambda sample: -1 if sample.memory_bytes is None else sample.memory_bytes)
    last = inside[-1]
    return replace(
        best,
        cpu_seconds=last.cpu_seconds,
        read_bytes=last.read_bytes,
        written_bytes=last.written_bytes,
        processes=max((each.processes for each in inside if each.processes is not None), default=None),
        threads=max((each.threads for each in inside if each.threads is not None), default=None),
    )


def _between(samples: Sequence[Sample], seconds: Sequence[float], moment: float) -> Sample:
    """Return what was used at a moment between two samples."""
    right = min(bisect_left(seconds, moment), len(samples) - 1)
    if right == 0:
        return samples[0]
    before, after = samples[right - 1], samples[right]
    share = (moment - before.seconds) / (after.seconds - before.seconds)
    return replace(
        after,
        memory_bytes=_mixed(before.memory_bytes, after.memory_bytes, share),
        anonymous_bytes=_mixed(before.anonymous_bytes, after.anonymous_bytes, share),
        shared_bytes=_mixed(before.shared_bytes, after.shared_bytes, share),
    )


def _mixed(left: int | None, right: int | None, share: float) -> int | None:
    return None if left is None or right is None else int(left + share * (right - left))
