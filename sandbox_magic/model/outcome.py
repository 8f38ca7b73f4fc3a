"""How a run can end: a closed list, with a row for each outcome that holds everything said and done about it."""

from __future__ import annotations

import signal as _signal
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sandbox_magic.model.attempts import Attempts


class Outcome(StrEnum):
    """How a run ended: a closed list. Decided from facts of the kernel and of PID 1 only."""

    COMPLETED = "COMPLETED"
    """The code ended by itself with exit status 0."""
    FAILED = "FAILED"
    """The code ended by itself with another exit status, an uncaught exception included."""
    SIGNALLED = "SIGNALLED"
    """A signal that we did not send ended the code, or it destroyed its own sandbox."""
    WALL_TIME = "WALL_TIME"
    """Stopped at the limit on real time."""
    CPU_TIME = "CPU_TIME"
    """Stopped at the limit on CPU time."""
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    """Stopped at the memory limit."""
    OUTPUT_LIMIT = "OUTPUT_LIMIT"
    """Stopped at the output limit (``on_output_limit="stop"``)."""
    INTERRUPTED = "INTERRUPTED"
    """Stopped by the caller."""


Icon = Literal["running", "paused", "done", "failed", "time", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What there is to say about one outcome.

    Attributes:
        words: The outcome in a few words; ``{code}`` and ``{signal}`` are the code's exit status and the signal's name.
        icon: Its icon; every icon has its own shape, so colour is never needed.
        took: The word before its duration.
        cut: The label at the end of its curves: what cut the run short; empty where the code ended by itself.
        cause: What PID 1 and the host call it when they end a run for it; empty where they never do.
        limit: The field of `Limits` that was reached; empty if none was.
        note: A sentence about that limit; ``{who}`` reached it, ``{limit}`` is the limit, ``{option}`` the
            option that sets it.
        exit_status: The exit status of the command; None where it depends on the code.
        exit_words: What the command's help says of that exit status.
    """

    words: str
    icon: Icon = "failed"
    took: str = "ended after"
    cut: str = ""
    cause: str = ""
    limit: str = ""
    note: str = ""
    exit_status: int | None = None
    exit_words: str = ""


ENDINGS: dict[Outcome, Ending] = {
    Outcome.COMPLETED: Ending(words="done", icon="done", took="took", exit_status=0),
    Outcome.FAILED: Ending(words="failed (exit status {code})"),
    Outcome.SIGNALLED: Ending(words="ended by signal {signal}", took="after", cut="signal {signal}"),
    Outcome.WALL_TIME: Ending(
        words="stopped at the time limit", icon="time", cut="killed: time limit", cause="deadline",
        limit="wall_seconds", note="{who} ran for longer than {limit}; {option} allows more.",
        exit_status=124, exit_words="stopped at the time limit (as timeout(1))",
    ),
    Outcome.CPU_TIME: Ending(
        words="stopped at the CPU time limit", icon="time", cut="killed: CPU time limit", cause="cpu",
        limit="cpu_seconds", note="{who} used {limit} of CPU time; {option} allows more.",
        exit_status=128 + _signal.SIGXCPU, exit_words="stopped at the CPU time limit",
    ),
    Outcome.OUT_OF_MEMORY: Ending(
        words="out of memory", cut="killed: memory limit", cause="memory", limit="memory_bytes",
        note="{who} needed more than {limit} of memory; {option} allows more.",
        exit_status=128 + _signal.SIGKILL,  # as the kernel, Docker and Kubernetes show it
        exit_words="out of memory, or the code destroyed its own sandbox",
    ),
    Outcome.OUTPUT_LIMIT: Ending(
        words="stopped at the output limit", icon="stopped", cut="killed: output limit", cause="output",
        limit="output_bytes", note="{who} wrote more than {limit} of output; {option} allows more.",
        exit_status=128 + _signal.SIGXFSZ,  # "file size limit exceeded", the nearest there is
        exit_words="stopped at the output limit",
    ),
    Outcome.INTERRUPTED: Ending(
        words="stopped by you", icon="stopped", cut="stopped by you", cause="interrupt",
        exit_status=128 + _signal.SIGINT, exit_words="stopped by Ctrl-C",
    ),
}  # fmt: skip
"""A row for each outcome."""

BY_CAUSE = {ending.cause: outcome for outcome, ending in ENDINGS.items() if ending.cause}
"""The word by which PID 1 or the host stopped a run -> the outcome."""

_DESTROYED = Ending(words="destroyed its own sandbox", took="after", cut="sandbox destroyed")
_NOT_WATCHED = Ending(words="ended, for what watched it had ended", took="after", cut="not watched any more")


def ending(
    outcome: Outcome, exit_code: int | None = None, signal: int | None = None, attempts: Attempts | None = None
) -> Ending:
    """Return the row of an outcome, with the exit status and the signal's name filled in.

    Args:
        outcome: How the run ended.
        exit_code: The code's exit status.
        signal: The signal that ended it.
        attempts: What it tried, where that was to be listed: what watches ends before the run, if ever.
    """
    if outcome is Outcome.SIGNALLED and signal is None:
        return _DESTROYED if attempts is None or attempts.complete else _NOT_WATCHED
    row = ENDINGS[outcome]
    names = {"code": exit_code, "signal": "" if signal is None else signal_name(signal)}
    return replace(row, words=row.words.format(**names), cut=row.cut.format(**names))


def signal_name(number: int) -> str:
    """Return a signal's name, ``SIGKILL`` for 9."""
    try:
        return _signal.Signals(number).name
    except ValueError:
        return f"SIGRTMIN+{number - _signal.SIGRTMIN}" if number > _signal.SIGRTMIN else str(number)
