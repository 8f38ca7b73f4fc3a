"""Samples of a run as a bounded series."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from sandbox_magic.events import Sample

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_SAMPLES = 600


@dataclass(frozen=True, slots=True)
class Timeline:
    """The samples of one run, oldest first, at most 600 whatever the run's length.

    Attributes:
        samples: The samples.
        memory_source: What ``memory_bytes`` counts: ``cgroup`` (the kernel's own count), ``pss``
            (shared pages divided among the processes that share them) or ``rss`` (counted in each).
        peaks: Field of `Sample` and its largest value, of the samples that were thinned out too.
    """

    samples: tuple[Sample, ...] = ()
    memory_source: str = "pss"
    peaks: tuple[tuple[str, float], ...] = ()

    def peak(self, field: str) -> float | None:
        """Give the largest known value of a field of `Sample` in the whole run, None where it is never known."""
        known = [value for sample in self.samples if (value := getattr(sample, field)) is not None]
        return max((*known, *(value for name, value in self.peaks if name == field)), default=None)

    def to_json(self) -> str:
        """Give the samples as a JSON list of objects; unknown is null."""
        return json.dumps([asdict(sample) for sample in self.samples])

    def to_csv(self) -> str:
        """Give the samples as CSV with a header line; unknown is empty."""
        text = io.StringIO()
        writer = csv.DictWriter(text, [field.name for field in fields(Sample)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(sample) for sample in self.samples)
        return text.getvalue()


class Recorder:
    """Takes samples as they come and keeps a series of bounded length.

    When it is full, each pair of neighbours becomes the one that used more memory; the curve
    loses detail evenly over the run, and the peaks of every field are kept beside it.
    """

    def __init__(self, most: int = MOST_SAMPLES) -> None:
        self._most = most
        self._samples: list[Sample] = []
        self._stride = 1
        self._group: list[Sample] = []
        self._newest: Sample | None = None
        self._peaks: dict[str, float] = {}

    def add(self, sample: Sample) -> None:
        """Take the next sample."""
        self._newest = sample
        for name in _FIELDS:
            if (value := getattr(sample, name)) is not None and value > self._peaks.get(name, -1):
                self._peaks[name] = value
        self._group.append(sample)
        if len(self._group) < self._stride:
            return
        self._samples.append(_fullest(self._group))
        self._group = []
        if len(self._samples) >= self._most:
            self._samples = [_fullest(self._samples[n : n + 2]) for n in range(0, len(self._samples), 2)]
            self._stride *= 2

    def timeline(self, memory_source: str = "pss") -> Timeline:
        """Give what is kept so far; the newest sample is always the last."""
        tail = [] if self._newest is None or self._newest in self._samples[-1:] else [self._newest]
        return Timeline((*self._samples, *tail), memory_source, tuple(self._peaks.items()))


def _fullest(samples: Sequence[Sample]) -> Sample:
    return max(samples, key=lambda sample: sample.memory_bytes or 0)


_FIELDS = tuple(field.name for field in fields(Sample) if field.name != "seconds")
