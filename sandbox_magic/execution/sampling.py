"""The course of a run while it goes: samples when they are due, marks, and the limits that samples hold."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox_magic.execution import host_limits
from sandbox_magic.model.timeline import MOST_SAMPLES, Mark, Recorder

if TYPE_CHECKING:
    from collections import deque

    from sandbox_magic.execution.questions import Question
    from sandbox_magic.execution.timing import Timing
    from sandbox_magic.jail.sandbox import Sandbox
    from sandbox_magic.model.events import Event
    from sandbox_magic.model.policy import Limits
    from sandbox_magic.model.timeline import Sample, Timeline

_MANY_BORN = 2  # processes from one sample to the next that are worth a mark


class Sampler:
    """Samples what a run uses, and records it.

    Args:
        sandbox: What is sampled.
        limits: What it may use.
        timing: The run's clock.
        queue: Takes the samples and marks as events.

    Attributes:
        due: When the next sample is to be taken.
    """

    def __init__(self, sandbox: Sandbox, limits: Limits, timing: Timing, queue: deque[Event]) -> None:
        self._sandbox = sandbox
        self._meter = sandbox.meter
        self._limits = limits
        self._timing = timing
        self._queue = queue
        self._recorder = Recorder(MOST_SAMPLES - 1)  # the run's end is one more
        self._processes = 1
        self.due: float = time.monotonic() + self._meter.interval(0.0)

    def mark(self, what: str, *, own: bool = False, paused_seconds: float = 0.0) -> None:
        """Record that something happened now; arguments as the fields of `Mark`."""
        mark = Mark(what, self._timing.elapsed(), own, paused_seconds)
        if self._recorder.mark(mark):
            self._queue.append(mark)

    def sample(self, question: Question | None) -> None:
        """Take a sample, and end the run if it has reached a limit.

        Args:
            question: The question that is on screen: time in which the code only waits for its answer does not count.
        """
        sample = self._meter.sample(self._timing.elapsed())
        if self._timing.paused:  # shown, but no part of the run's course
            self._queue.append(sample)
            self.due = time.monotonic() + self._meter.interval(sample.seconds)
            return
        if question is not None:
            excluded = question.exclude(sample)
            self._timing.exclude(excluded)
            sample = replace(sample, seconds=sample.seconds - excluded)
            if self._timing.limit_passed:
                host_limits.stop(self._sandbox, self._timing, "deadline")
        if sample.processes and not self._timing.compiling:
            self._record(sample)  # else it was taken before the code or after the exit: no part of its course either
        soon = self._hold(sample)
        self.due = time.monotonic() + min(self._meter.interval(sample.seconds), soon)

    def _hold(self, sample: Sample) -> float:
        """End the run if it has reached a limit; return the seconds to the next look."""
        limits, group = self._limits, self._sandbox.group
        if self._timing.compiling:  # the compiler is not the code
            limits = replace(limits, cpu_seconds=None)
        lost = self._meter.lost or group.tier == "none"
        cause, soon = host_limits.check(limits, sample, memory=lost, blind_seconds=self._meter.blind_seconds)
        if not cause and not lost and not group.ends_whole_run and self._sandbox.facts().oom_kills:
            cause = "memory"
        if cause:
            host_limits.stop(self._sandbox, self._timing, cause)
        return soon

    def _record(self, sample: Sample) -> None:
        self._recorder.add(sample)
        self._queue.append(sample)
        if (born := (sample.processes or 0) - self._processes) >= _MANY_BORN:
            self.mark(f"{born} more processes")
        self._processes = max(self._processes, sample.processes or 0)

    def timeline(self) -> Timeline:
        """Return what was recorded."""
        return self._recorder.timeline(self._meter.memory_source)
