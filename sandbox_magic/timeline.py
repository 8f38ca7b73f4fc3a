"""Samples of a run as a bounded series."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass, fields

from sandbox_magic.events import Sample

MOST_SAMPLES = 600


@dataclass(frozen=True, slots=True)
class Timeline:
    """The samples of one run, oldest first, at most 600 whatever the run's length.

    Attributes:
        samples: The samples.
        memory_source: What ``memory_bytes`` counts: ``cgroup`` (the kernel's own count), ``pss``
            (shared pages divided among the processes that share them) or ``rss`` (counted in each).
    """

    samples: tuple[Sample, ...] = ()
    memory_source: str = "pss"

    def peak(self, field: str) -> float | None:
        """Give the largest known value of a field of `Sample`, None where it is never known."""
        known = [value for sample in self.samples if (value := getattr(sample, field)) is not None]
        return max(known, default=None)

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

    When it is full, each pair of neighbours becomes the one that used more memory, so the
    peak stays in the series; the curve of the CPU loses fine detail, evenly over the run.
    """

    def __init__(self, most: int = MOST_SAMPLES) -> None:
        self._most = most
        self._samples: list[Sample] = []
        self._stride = 1
        self._group: list[Sample] = []

    def add(self, sample: Sample) -> None:
        """Take the next sample."""
        self._group.append(sample)
        if len(self._group) < self._stride:
            return
        self._samples.append(_fullest(self._group))
        self._group = []
        if len(self._samples) >= self._most:
            pairs = zip(self._samples[::2], self._samples[1::2], strict=False)
            self._samples = [_fullest(pair) for pair in pairs]
            self._stride *= 2

    def timeline(self, memory_source: str = "pss") -> Timeline:
        """Give what is kept so far, the newest sample included."""
        tail = [self._group[-1]] if self._group else []
        return Timeline((*self._samples, *tail), memory_source)


def _fullest(samples: list[Sample] | tuple[Sample, ...]) -> Sample:
    return max(samples, key=lambda sample: sample.memory_bytes or 0)
