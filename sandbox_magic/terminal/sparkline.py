"""Curves made of characters: one row of blocks for the live line, two for the chart at the end."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sandbox_magic.model.even import drawn
from sandbox_magic.model.units import amount
from sandbox_magic.picture.axes import cpu_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox_magic.model.policy import Limits
    from sandbox_magic.model.timeline import Sample, Timeline

BLOCKS = "▁▂▃▄▅▆▇█"
UNKNOWN = "·"


def spark(values: Sequence[float | None], top: float) -> str:
    """Return one block for each value, the lowest for 0, the highest from ``top`` on; a dot for an unknown one."""
    return "".join(UNKNOWN if value is None else BLOCKS[_level(value, top)] for value in values)


def columns(samples: Sequence[Sample], field: str, width: int) -> list[float | None]:
    """Return a value for each of ``width`` equal spans of time, from 0 to the last sample.

    It is the largest that is known in the span. A sample is about the time since the one before,
    so it counts in every span that this time touches: a peak is never lost, whatever the width.
    """
    values: list[float | None] = [None] * width
    end = samples[-1].seconds if samples else 0.0
    if end <= 0:
        return values
    begin = 0.0
    for sample in samples:
        value = getattr(sample, field)
        first, after = int(width * begin / end), math.ceil(width * sample.seconds / end)
        for place in range(min(first, width - 1), min(max(after, first + 1), width)):
            values[place] = _larger(values[place], value)
        begin = sample.seconds
    return values


def pair(timeline: Timeline, memory_limit_bytes: int, width: int) -> tuple[str, str]:
    """Return the sparklines of CPU and memory, each ``width`` characters, of a timeline as it is drawn.

    CPU reaches up to whole cores, memory to its limit: a run that needs next to nothing looks like it.
    """
    cores = cpu_axis(timeline.peak("cpu_percent")).ticks[-1][0]
    return (
        spark(columns(timeline.samples, "cpu_percent", width), cores),
        spark(columns(timeline.samples, "memory_bytes", width), memory_limit_bytes),
    )


def chart(timeline: Timeline, limits: Limits, width: int) -> tuple[str, str]:
    """Return the run in two rows: CPU and memory, each with its name, its course and its largest value.

    Args:
        timeline: The run's.
        limits: The run's.
        width: Characters of the courses alone.
    """
    course = drawn(timeline)
    cpu, memory = pair(course, limits.memory_bytes, width)
    most_cpu, most_memory = course.peak("cpu_percent"), course.peak("memory_bytes")
    cpu_words = "unknown" if most_cpu is None else f"peak {most_cpu:.0f} %"
    memory_words = "unknown" if most_memory is None else f"peak {amount(most_memory, limits.memory_bytes)}"
    return f"CPU    {cpu} {cpu_words}", f"memory {memory} {memory_words}"


def _level(value: float, top: float) -> int:
    return max(0, min(int(value / top * len(BLOCKS)), len(BLOCKS) - 1))


def _larger(one: float | None, other: float | None) -> float | None:
    return max((value for value in (one, other) if value is not None), default=None)
