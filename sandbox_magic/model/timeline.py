"""Samples of a run as a bounded series."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING

from sandbox_magic.model.errors import SandboxError
from sandbox_magic.safe_import import importing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from sandbox_magic.picture.drawing import Drawing

MOST_SAMPLES = 600
MOST_MARKS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the run's processes used at one moment. What could not be read is None, never 0.

    Attributes:
        seconds: Real time since "go".
        cpu_percent: Use since the sample before, in percent of one core: 200 is two cores.
        cpu_seconds: CPU time of all its processes so far.
        memory_bytes: Memory of all its processes and its tmpfs that the kernel can't take back
            (with a cgroup: anonymous and shared); the most since the sample before, where the kernel tells.
        anonymous_bytes: Their own memory (with a cgroup only, as the next two).
        shared_bytes: tmpfs, memfd and shared memory.
        file_bytes: Cached pages of files, which the kernel takes back when memory is short.
        processes: Processes alive, without PID 1.
        threads: Their threads.
        read_bytes: Bytes read by the live processes (``rchar`` of proc(5): pipes and caches included).
        written_bytes: Bytes written, likewise.
    """

    seconds: float
    cpu_percent: float | None = None
    cpu_seconds: float | None = None
    memory_bytes: int | None = None
    anonymous_bytes: int | None = None
    shared_bytes: int | None = None
    file_bytes: int | None = None
    processes: int | None = None
    threads: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """Something happened at one moment of the run.

    Attributes:
        label: What, in a few words; the code's own (``mark("sorted")``) made safe to show.
        seconds: Real time since "go".
        own: Whether the code itself set it.
        paused_seconds: How long the run had been paused, of the end of a pause; no part of ``seconds``.
    """

    label: str
    seconds: float
    own: bool = False
    paused_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Timeline:
    """The samples of one run, oldest first, at most 600 whatever the run's length.

    Attributes:
        samples: The samples. The last one of a run that is over is its end, with all of its CPU time.
        memory_source: What ``memory_bytes`` counts: ``cgroup`` (the kernel's own count), ``pss``
            (shared pages divided among the processes that share them) or ``rss`` (counted in each), both
            with swap and page tables.
        marks: What happened, in order; the first 100.
        peaks: Field of `Sample` and its largest value, of the samples that were thinned out too.
        memory_limit_bytes: The bound on memory, for the picture; None if it is not known.
    """

    samples: tuple[Sample, ...] = ()
    memory_source: str = "pss"
    peaks: tuple[tuple[str, float], ...] = ()
    marks: tuple[Mark, ...] = ()
    memory_limit_bytes: int | None = None

    def peak(self, field: str) -> float | None:
        """Return the largest known value of a field of `Sample` in the whole run, None where it is never known."""
        known = [value for sample in self.samples if (value := getattr(sample, field)) is not None]
        return max((*known, *(value for name, value in self.peaks if name == field)), default=None)

    def ended(self, wall_seconds: float, cpu_seconds: float | None, last_peak_bytes: int | None) -> Timeline:
        """Return the timeline with the run's end as its last sample, and without those that came after it.

        Its use in percent is not known: its CPU time has in it what it took to end the run.

        Args:
            wall_seconds: When the code ended.
            cpu_seconds: CPU time of the whole run.
            last_peak_bytes: The most memory since the last sample, if it is known.
        """
        samples = tuple(sample for sample in self.samples if sample.seconds < wall_seconds)
        last = samples[-1] if samples else Sample(seconds=0.0, cpu_seconds=0.0)
        memory = max((known for known in (last.memory_bytes, last_peak_bytes) if known is not None), default=None)
        end = replace(last, seconds=wall_seconds, cpu_percent=None, cpu_seconds=cpu_seconds, memory_bytes=memory)
        return replace(self, samples=(*samples, end))

    def with_marks(self, marks: Iterable[Mark]) -> Timeline:
        """Return the timeline with these marks too, in the order of time."""
        both = sorted((*self.marks, *marks), key=lambda mark: mark.seconds)
        return replace(self, marks=tuple(both[:MOST_MARKS]))

    def to_json(self) -> str:
        """Return the samples as a JSON list of objects; unknown is null."""
        return json.dumps([asdict(sample) for sample in self.samples])

    def to_csv(self) -> str:
        """Return the samples as CSV with a header line; unknown is empty."""
        text = io.StringIO()
        writer = csv.DictWriter(text, [field.name for field in fields(Sample)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(sample) for sample in self.samples)
        return text.getvalue()

    def to_frame(self) -> Any:
        """Return the samples as a pandas ``DataFrame``: a column for each field, ``seconds`` the index, unknown NaN.

        Raises:
            SandboxError: pandas is not installed.
        """
        try:
            with importing():
                import pandas as pd
        except ImportError as error:
            what = "A timeline becomes a DataFrame only where pandas is installed."
            raise SandboxError(
                what, seen=str(error), remedy="pip install pandas, or to_json() or to_csv(), which need nothing"
            ) from error
        rows = {field.name: [getattr(sample, field.name) for sample in self.samples] for field in fields(Sample)}
        return pd.DataFrame(rows, dtype="float64").set_index("seconds")

    def plot(self) -> Drawing:
        """Draw the course of the run: shown by a notebook, ``.save("run.svg")`` or ``.save("run.html")`` elsewhere."""
        from sandbox_magic.picture.course import course

        return course(self)


class Recorder:
    """Takes samples as they come and keeps a series of bounded length.

    The run is divided into spans of equally many samples, and each keeps those with the least and the
    most CPU percent and memory. When the series is full, each two neighbours become one. So the curves
    keep their peaks and their dips, and lose detail evenly over the run. A merge doubles the spans, so
    the merges of a whole run are few, and a sample costs the same whatever the run's length.

    Args:
        most: How many samples to keep, 10 or more.
    """

    def __init__(self, most: int = MOST_SAMPLES) -> None:
        self._most = most
        self._first: Sample | None = None
        self._newest: Sample | None = None
        self._spans: list[list[Sample]] = []
        self._open: list[Sample] = []
        self._taken = 0  # into the open span
        self._length = _KEPT_OF_A_SPAN  # of a span, in samples taken
        self._peaks: dict[str, float] = {}
        self._marks: list[Mark] = []

    def mark(self, mark: Mark) -> bool:
        """Take a mark; return whether there was room for it."""
        if len(self._marks) >= MOST_MARKS:
            return False
        self._marks.append(mark)
        return True

    def add(self, sample: Sample) -> None:
        """Take the next sample."""
        self._first = self._first or sample
        self._newest = sample
        for name in _FIELDS:
            if (value := getattr(sample, name)) is not None and value > self._peaks.get(name, -1):
                self._peaks[name] = value
        self._open.append(sample)
        self._taken += 1
        if self._taken == self._length:
            self._close_span()
        elif len(self._open) == 2 * _KEPT_OF_A_SPAN:
            self._open = _extremes(self._open)

    def timeline(self, memory_source: str = "pss") -> Timeline:
        """Return what is kept so far; the first sample is always the first, the newest the last."""
        kept = [sample for span in (*self._spans, _extremes(self._open)) for sample in span]
        if self._first is not None and kept[:1] != [self._first]:
            kept.insert(0, self._first)
        if self._newest is not None and kept[-1] is not self._newest:
            kept.append(self._newest)
        return Timeline(tuple(kept), memory_source, tuple(self._peaks.items()), tuple(self._marks))

    def _close_span(self) -> None:
        self._spans.append(_extremes(self._open))
        self._open, self._taken = [], 0
        while sum(map(len, self._spans)) > self._most - _KEPT_OF_A_SPAN - 2:  # the open span, the first, the newest
            self._merge()

    def _merge(self) -> None:
        if len(self._spans) % 2:  # the last one goes on as the open one
            self._open, self._taken = [*self._spans.pop(), *self._open], self._taken + self._length
        pairs = zip(self._spans[::2], self._spans[1::2], strict=True)
        self._spans = [_extremes([*left, *right]) for left, right in pairs]
        self._length *= 2


def _extremes(samples: list[Sample]) -> list[Sample]:
    """Return, in their order, the samples with the least and the most of each curve's value; all, if they are few."""
    if len(samples) <= _KEPT_OF_A_SPAN:
        return samples
    kept = {place for name in _CURVES for place in _places([getattr(sample, name) for sample in samples])}
    return [samples[place] for place in sorted(kept or {0})]  # one that knows nothing keeps its time's gap


def _places(values: list[float | None]) -> Iterable[int]:
    known = [place for place, value in enumerate(values) if value is not None]
    if known:
        yield min(known, key=values.__getitem__)  # type: ignore[arg-type] # none of these is None
        yield max(known, key=values.__getitem__)  # type: ignore[arg-type] # as above


_FIELDS = tuple(field.name for field in fields(Sample) if field.name != "seconds")
_CURVES = ("cpu_percent", "memory_bytes")
_KEPT_OF_A_SPAN = 2 * len(_CURVES)
