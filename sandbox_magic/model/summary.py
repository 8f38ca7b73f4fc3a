"""A run in one line of words: the same line in the live widget, the picture and the terminal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sandbox_magic.model.options import limit_names
from sandbox_magic.model.policy import MIB
from sandbox_magic.model.result import Outcome, seconds, signal_name, size

if TYPE_CHECKING:
    from sandbox_magic.model.events import Mark as Moment
    from sandbox_magic.model.events import Sample
    from sandbox_magic.model.policy import Limits
    from sandbox_magic.model.result import Result
    from sandbox_magic.model.timeline import Timeline

Mark = Literal["running", "paused", "done", "failed", "time", "stopped"]

_TOLD_MARKS = 8
_LABEL_CHARACTERS = 28
NEAR = 0.98  # of a limit; a cgroup kills a page or two before its limit is reached

_MARKS: dict[Outcome, Mark] = {
    Outcome.COMPLETED: "done",
    Outcome.WALL_TIME: "time",
    Outcome.CPU_TIME: "time",
    Outcome.OUTPUT_LIMIT: "stopped",
    Outcome.INTERRUPTED: "stopped",
}
_VERBS = {Outcome.COMPLETED: "took", Outcome.SIGNALLED: "after"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line about a run.

    Attributes:
        mark: The sign before it, a shape of its own for each, so colour is never needed.
        state: How the run is or how it ended, in a few words.
        figures: What it cost, each with its limit.
    """

    mark: Mark
    state: str
    figures: tuple[str, ...]

    def __str__(self) -> str:
        """Give the words without the mark."""
        return " · ".join(filter(None, (self.state, *self.figures)))


def live(sample: Sample | None, limits: Limits, *, state: str = "running") -> Line:
    """Give the line for a run that goes on.

    Args:
        sample: The latest; None before the first.
        limits: The bounds of the run.
        state: ``running``, ``paused``, ...
    """
    if sample is None:
        return Line(mark="running", state=state, figures=())
    cores = "unknown" if sample.cpu_percent is None else f"{sample.cpu_percent / 100:.1f} cores"
    figures = (
        _timed(sample.seconds, limits.wall_seconds),
        f"CPU {cores}{_cpu_seconds(sample.cpu_seconds, limits)}",
        "memory unknown" if sample.memory_bytes is None else amount(sample.memory_bytes, limits.memory_bytes),
        count(sample.processes, "process", "processes"),
    )
    return Line(mark="running", state=state, figures=figures)


def paused(line: Line, held_seconds: float, most_seconds: float) -> Line:
    """Give the line of a run that goes on for one that is paused: for how long, and how long at most."""
    held = f"{clock(int(held_seconds), exact=True)}, at most {most_seconds / 60:g} min"
    return Line(mark="paused", state="paused", figures=(held, *line.figures))


def ended(result: Result) -> Line:
    """Give the line for a run that is over, with the option to try if a limit ended it."""
    usage, limits = result.usage, result.limits
    figures = [f"{_VERBS.get(result.outcome, 'ended after')} {seconds(usage.wall_seconds)}"]
    if usage.cpu_seconds is not None:
        figures.append(f"CPU {seconds(usage.cpu_seconds)}")
    if usage.peak_memory_bytes is not None:
        figures.append(f"peak {_peak(usage.peak_memory_bytes, limits.memory_bytes)}")
    if usage.peak_processes is not None and usage.peak_processes > 1:
        figures.append(f"up to {usage.peak_processes} processes")
    if usage.paused_seconds:
        figures.append(f"paused for {seconds(usage.paused_seconds)}")
    if remedy := remedy_for(result.outcome, limits):
        figures.append(f"try {remedy}")
    return Line(mark=_MARKS.get(result.outcome, "failed"), state=result.ending, figures=tuple(figures))


def watched(timeline: Timeline) -> Line:
    """Give the line for samples of which no more is known."""
    if not timeline.samples:
        return Line(mark="done", state="", figures=("no samples",))
    figures = [seconds(timeline.samples[-1].seconds)]
    if (cpu := timeline.peak("cpu_seconds")) is not None:
        figures.append(f"CPU {seconds(cpu)}")
    if (memory := timeline.peak("memory_bytes")) is not None:
        limit = timeline.memory_limit_bytes
        figures.append(f"peak {size(memory) if limit is None else _peak(int(memory), limit)}")
    if (processes := timeline.peak("processes")) is not None and processes > 1:
        figures.append(f"up to {processes:.0f} processes")
    return Line(mark="done", state="", figures=tuple(figures))


def cause(result: Result) -> str:
    """Give what cut the run short, for the mark at its end; empty where the code ended by itself."""
    match result.outcome:
        case Outcome.COMPLETED | Outcome.FAILED:
            return ""
        case Outcome.SIGNALLED:
            return "sandbox destroyed" if result.signal is None else f"signal {signal_name(result.signal)}"
        case Outcome.INTERRUPTED:
            return "stopped by you"
        case Outcome.OUT_OF_MEMORY:
            return "killed: memory limit"
        case outcome:
            names = {Outcome.WALL_TIME: "time", Outcome.CPU_TIME: "CPU time", Outcome.OUTPUT_LIMIT: "output"}
            return f"killed: {names[outcome]} limit"


def remedy_for(outcome: Outcome, limits: Limits) -> str:
    """Give the option, twice as generous, that would have let the run go on; empty if none would."""
    names = limit_names()
    match outcome:
        case Outcome.OUT_OF_MEMORY:
            return f"--{names['memory_bytes']} {_option_size(2 * limits.memory_bytes)}"
        case Outcome.OUTPUT_LIMIT:
            return f"--{names['output_bytes']} {_option_size(2 * limits.output_bytes)}"
        case Outcome.WALL_TIME if limits.wall_seconds is not None:
            return f"--{names['wall_seconds']} {2 * limits.wall_seconds:g}"
        case Outcome.CPU_TIME if limits.cpu_seconds is not None:
            return f"--{names['cpu_seconds']} {2 * limits.cpu_seconds:g}"
    return ""


def described(result: Result) -> str:
    """Give the whole picture in sentences, for a reader who does not see it."""
    line = ended(result)
    sentences = [f"Sandbox run: {line}."]
    samples = result.timeline.samples
    cpu, memory = result.timeline.peak("cpu_percent"), result.timeline.peak("memory_bytes")
    if len(samples) > 1 and cpu is not None:
        sentences.append(f"CPU: at most {cpu:.0f} % of one core.")
    if len(samples) > 1 and memory is not None:
        known = [sample.memory_bytes for sample in samples if sample.memory_bytes is not None]
        path = f"from {size(known[0])} to {size(known[-1])}, at most {size(memory)}"
        sentences.append(f"Memory: {path}, limit {limit_size(result.limits.memory_bytes)}.")
    if marks := result.timeline.marks:
        told = ", ".join(f"{shown(mark)} at {seconds(mark.seconds)}" for mark in marks[:_TOLD_MARKS])
        more = f", and {len(marks) - _TOLD_MARKS} more" if len(marks) > _TOLD_MARKS else ""
        sentences.append(f"Marks: {told}{more}.")
    return " ".join(sentences)


def shown(mark: Moment) -> str:
    """Give a mark's label for a picture: the code's own in quotes, printable, short."""
    short = printable(mark.label, _LABEL_CHARACTERS)
    return f"“{short}”" if mark.own else short


def printable(text: str, most: int) -> str:
    """Give a text without controls and what is invisible, cut to so many characters."""
    bare = "".join(character for character in text if character.isprintable())
    return bare if len(bare) <= most else f"{bare[: most - 1]}…"


def clock(value: float, *, exact: bool = False) -> str:
    """Write a running time so that it does not change its width at each update: ``3.2 s``, ``2:05``."""
    if value >= 60:  # noqa: PLR2004 - a minute
        minutes, rest = divmod(int(value), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02} min"
    return f"{value:g} s" if exact else f"{value:.1f} s"


def amount(value: float, limit: float) -> str:
    """Write a size beside its limit: ``271 of 512 MiB``, ``9.8 MiB of 1 GiB``."""
    used, bound = size(value), limit_size(limit)
    number, unit = used.split()
    return f"{number if bound.endswith(f' {unit}') else used} of {bound}"


def limit_size(value: float) -> str:
    """Write a size that a person chose: ``64 MiB``, not ``64.0 MiB``."""
    number, unit = size(value).split()
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {unit}"


def _timed(value: float, limit: float | None) -> str:
    return clock(value) if limit is None else f"{clock(value)} of {clock(limit, exact=True)}"


def _cpu_seconds(value: float | None, limits: Limits) -> str:
    return "" if value is None else f", {_timed(value, limits.cpu_seconds)}"


def count(value: int | None, one: str, many: str) -> str:
    """Write a number of things: ``1 process``, ``3 processes``, ``processes unknown``."""
    return f"{many} unknown" if value is None else f"{value} {one if value == 1 else many}"


def _peak(value: int, limit: int) -> str:
    if value > limit * (2 - NEAR):  # a limit per process: their sum passes it
        return f"{size(value)}, limit {limit_size(limit)}"
    return f"{limit_size(limit)}, the limit" if value >= limit * NEAR else amount(value, limit)


def _option_size(value: int) -> str:
    if value < MIB:
        return f"{math.ceil(value / 1024)}K"
    return f"{value // 2**30}G" if value % 2**30 == 0 else f"{math.ceil(value / MIB)}M"
