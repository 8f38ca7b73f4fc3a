"""The limits that the kernel does not hold, held by looking at samples: when one is reached, how soon to look again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox_magic.execution.timing import Timing
    from sandbox_magic.jail.sandbox import Sandbox
    from sandbox_magic.model.policy import Limits
    from sandbox_magic.model.timeline import Sample

_FASTEST_FILL = 4e9  # bytes a second: how fast memory can be filled
_SOONEST = 0.005
_LATEST = 1.0
_MOST_BLIND_SECONDS = 1.0  # for which somebody else may have taken every open file


def check(limits: Limits, sample: Sample, *, memory: bool, blind_seconds: float = 0.0) -> tuple[str, float]:
    """Return the cause to stop a run, empty if there is none, and the seconds to the next look.

    The next look comes before the limit could be passed by much: CPU time grows by one second a
    second on each processor, memory as fast as it can be filled.

    Args:
        limits: The limits.
        sample: What is used now.
        memory: Whether memory is to be held too, for want of a control group.
        blind_seconds: For how long nothing could be looked at. What can't be watched does not go on: the code could
            take all open files to that end.
    """
    soon = _LATEST
    if limits.cpu_seconds is not None and sample.cpu_seconds is not None:
        left = limits.cpu_seconds - sample.cpu_seconds
        if left <= 0:
            return "cpu", soon
        soon = min(soon, left / (os.cpu_count() or 1))
    if memory and blind_seconds > _MOST_BLIND_SECONDS:
        return "unwatched", soon
    if memory:
        room = limits.memory_bytes - (sample.memory_bytes or 0)
        if room <= 0:
            return "memory", soon
        soon = min(soon, room / _FASTEST_FILL)
    return "", max(soon, _SOONEST)


def stop(sandbox: Sandbox, timing: Timing, cause: str) -> None:
    """End a run because of a limit that the host holds; the first cause counts."""
    if not timing.cause:
        timing.expect(cause)
        sandbox.control.stop(cause)
