"""A run in one line of words: the same line in the live widget, the picture and the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox_magic.model.even import drawn
from sandbox_magic.model.outcome import ending
from sandbox_magic.model.units import amount, counted, limit_seconds, limit_size, running, seconds, size

if TYPE_CHECKING:
    from sandbox_magic.model.outcome import Icon
    from sandbox_magic.model.policy import Limits
    from sandbox_magic.model.result import Result
    from sandbox_magic.model.timeline import Mark, Sample, Timeline

_TOLD_MARKS = 8
_LABEL_CHARACTERS = 28
NEAR = 0.98  # of a limit; a cgroup kills a page or two before its limit is reached


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line about a run.

    Attributes:
        icon: The sign before it, a shape of its own for each, so colour is never needed.
        state: How the run is or how it ended, in a few words.
        figures: What it cost, each with its limit.
    """

    icon: Icon
    state: str
    figures: tuple[str, ...]

    def __str__(self) -> str:
        """Return the words without the icon."""
        return " · ".join(filter(None, (self.state, *self.figures)))


def live(sample: Sample | None, limits: Limits, *, state: str = "running") -> Line:
    """Return the line for a run that goes on.

    Args:
        sample: The latest; None before the first.
        limits: The bounds of the run.
        state: ``running``, ``paused``, ...
    """
    if sample is None:
        return Line(icon="running", state=state, figures=())
    used = "unknown" if sample.cpu_percent is None else f"{sample.cpu_percent:.0f} %"
    figures = (
        running(sample.seconds, limits.wall_seconds),
        f"CPU {used}{_cpu_seconds(sample.cpu_seconds, limits)}",
        f"memory {_known_amount(sample.memory_bytes, limits.memory_bytes)}",
        counted(sample.processes, "process", "processes"),
    )
    return Line(icon="running", state=state, figures=figures)


def still(sample: Sample, limits: Limits, clock: str) -> Line:
    """Return the line for a picture that is kept of a run while it goes on, and may be all that is left of it.

    Args:
        sample: The latest.
        limits: The bounds of the run.
        clock: The time of day.
    """
    line = live(sample, limits)
    return Line(icon="time", state=f"as of {clock}", figures=(*line.figures, "how it ended is not in here"))


def paused(line: Line, held_seconds: float, most_seconds: float) -> Line:
    """Return the line of a run that goes on for one that is paused: for how long, and that it does not stay so."""
    state = f"paused for {limit_seconds(int(held_seconds))} (goes on by itself after {limit_seconds(most_seconds)})"
    return Line(icon="paused", state=state, figures=line.figures)


def ended(result: Result) -> Line:
    """Return the line for a run that is over."""
    usage, limits = result.usage, result.limits
    how = ending(result.outcome, result.exit_code, result.signal, result.attempts)
    figures = [f"{how.took} {seconds(usage.wall_seconds)}"]
    if usage.cpu_seconds is not None:
        figures.append(f"CPU time {seconds(usage.cpu_seconds)}")
    if usage.peak_memory_bytes is not None:
        figures.append(f"peak memory {_peak(usage.peak_memory_bytes, limits.memory_bytes)}")
    if usage.peak_processes is not None and usage.peak_processes > 1:
        figures.append(f"up to {usage.peak_processes} processes")
    if usage.paused_seconds:
        figures.append(f"paused for {seconds(usage.paused_seconds)}")
    return Line(icon=how.icon, state=result.ending, figures=tuple(figures))


def watched(timeline: Timeline) -> Line:
    """Return the line for samples of which no more is known."""
    if not timeline.samples:
        return Line(icon="done", state="", figures=("no samples",))
    figures = [seconds(timeline.samples[-1].seconds)]
    if (cpu := timeline.peak("cpu_seconds")) is not None:
        figures.append(f"CPU time {seconds(cpu)}")
    if (memory := timeline.peak("memory_bytes")) is not None:
        limit = timeline.memory_limit_bytes
        figures.append(f"peak memory {size(memory) if limit is None else _peak(int(memory), limit)}")
    if (processes := timeline.peak("processes")) is not None and processes > 1:
        figures.append(f"up to {processes:.0f} processes")
    return Line(icon="done", state="", figures=tuple(figures))


def peak_memory(result: Result) -> float | None:
    """Return the most memory of a run, by what it cost or else by its samples."""
    most = result.usage.peak_memory_bytes
    return result.timeline.peak("memory_bytes") if most is None else most


def cause(result: Result) -> str:
    """Return what cut the run short, for the mark at its end; empty where the code ended by itself."""
    return ending(result.outcome, result.exit_code, result.signal, result.attempts).cut


def described(result: Result) -> str:
    """Return the whole picture in sentences, for a reader who does not see it."""
    line = ended(result)
    sentences = [f"Sandbox run: {line}."]
    samples = result.timeline.samples
    cpu, memory = drawn(result.timeline).peak("cpu_percent"), peak_memory(result)
    if len(samples) > 1 and cpu is not None:
        sentences.append(f"CPU: at most {cpu:.0f} % of one core.")
    known = [sample.memory_bytes for sample in samples if sample.memory_bytes is not None]
    if len(known) > 1 and memory is not None:
        path = f"from {size(known[0])} to {size(known[-1])}, at most {size(memory)}"
        sentences.append(f"Memory: {path}, limit {limit_size(result.limits.memory_bytes)}.")
    if marks := result.timeline.marks:
        told = ", ".join(f"{shown(mark)} at {seconds(mark.seconds)}" for mark in marks[:_TOLD_MARKS])
        more = f", and {len(marks) - _TOLD_MARKS} more" if len(marks) > _TOLD_MARKS else ""
        sentences.append(f"Marks: {told}{more}.")
    return " ".join(sentences)


def shown(mark: Mark) -> str:
    """Return a mark's label for a picture: the code's own in quotes, printable, short."""
    short = printable(mark.label, _LABEL_CHARACTERS)
    return f"“{short}”" if mark.own else short


def printable(text: str, most: int) -> str:
    """Return a text without controls and what is invisible, cut to so many characters."""
    bare = "".join(character for character in text if character.isprintable())
    return bare if len(bare) <= most else f"{bare[: most - 1]}…"


def _cpu_seconds(value: float | None, limits: Limits) -> str:
    return "" if value is None else f", {running(value, limits.cpu_seconds)}"


def _known_amount(value: int | None, limit: int) -> str:
    return "unknown" if value is None else amount(value, limit)


def _peak(value: int, limit: int) -> str:
    if value > limit * (2 - NEAR):  # a limit per process: their sum passes it
        return f"{size(value)}, limit {limit_size(limit)}"
    return f"{limit_size(limit)}, the limit" if value >= limit * NEAR else amount(value, limit)
