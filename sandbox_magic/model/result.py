"""How a run ended, what it cost, and what actually enforced each bound on it."""

from __future__ import annotations

import signal as _signal
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from sandbox_magic.model.errors import RunFailed
from sandbox_magic.model.policy import Limits
from sandbox_magic.model.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from sandbox_magic.model.events import Display
    from sandbox_magic.picture.drawing import Drawing
    from sandbox_magic.untrusted.workspace.changes import Changes


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


Strength = Literal["enforced", "per process", "watched", "none"]
"""``enforced`` by the kernel for the whole run; by the kernel but ``per process``; ``watched`` by
us at intervals; ``none``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What holds one protection or one limit.

    Attributes:
        name: ``network``, ``memory``, ...
        kind: ``protection`` or ``limit``.
        mechanism: The kernel facility, in its own name.
        strength: How strictly it holds.
        remedy: What would make it stronger on this machine; empty if nothing is missing.
    """

    name: str
    kind: Literal["protection", "limit"]
    mechanism: str
    strength: Strength = "enforced"
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """What was in force in one run.

    Attributes:
        guards: One for each protection and each limit.
        shared: Host paths that the code could read, besides ``/usr``, ``/lib``, ``/lib64``, ``/bin``.
        bwrap: The bubblewrap that made the sandbox, with its version.
    """

    guards: tuple[Guard, ...] = ()
    shared: tuple[str, ...] = ()
    bwrap: str = ""

    def __getitem__(self, name: str) -> Guard:
        """Give the guard of that name.

        Raises:
            KeyError: There is none.
        """
        for guard in self.guards:
            if guard.name == name:
                return guard
        raise KeyError(name)

    @property
    def weaker(self) -> tuple[Guard, ...]:
        """The guards that the kernel does not enforce for the run as a whole."""
        return tuple(guard for guard in self.guards if guard.strength != "enforced")

    def as_dict(self) -> dict[str, object]:
        """Give it as plain values, for JSON."""
        return asdict(self)

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:  # noqa: FBT001 - IPython's own form
        printer.text(str(self))

    def __str__(self) -> str:
        """Give a table for a person: name, mechanism, and the strength where it is not full."""
        wide = max((len(guard.name) for guard in self.guards), default=0)
        lines = []
        for guard in self.guards:
            strength = "" if guard.strength == "enforced" else f"  [{guard.strength}]"
            lines.append(f"{guard.name:<{wide}}  {guard.mechanism}{strength}")
            if guard.remedy:
                lines.append(f"{'':<{wide}}  -> {guard.remedy}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a run used. What is not known is None, never 0.

    Attributes:
        wall_seconds: Real time from "go" to the end of the code.
        cpu_seconds: CPU time of all its processes.
        peak_memory_bytes: The most memory at one time; with a cgroup the kernel's own figure.
        peak_includes_files: Whether cached pages of files, which do not count as use, are in it.
        peak_processes: The most processes at one time that a sample saw.
        read_bytes: Bytes read, as far as samples saw them.
        written_bytes: Bytes written, likewise.
        park_seconds: Real time to start the sandbox, before "go".
        paused_seconds: Real time for which the run was paused; not part of ``wall_seconds``.
    """

    wall_seconds: float
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    peak_includes_files: bool = False
    peak_processes: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None
    park_seconds: float = 0.0
    paused_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Result:
    """How one run ended and what it left.

    Attributes:
        outcome: How it ended.
        exit_code: The code's own exit status; None if it did not exit by itself.
        signal: The number of the signal that ended it; None if none did.
        stdout: What it wrote, decoded and safe to show; a line of ours marks a cut.
        stderr: Likewise.
        stdout_bytes: The raw bytes that were kept (head and tail).
        stderr_bytes: Likewise.
        dropped_bytes: Bytes of both streams that were not kept.
        displays: What it showed, in order, made safe for a notebook's page; an updated one as it was last.
        outputs: The variables that came out, by name.
        changes: What it did to the files of its workspace, or the files that were to be saved; None if neither.
        usage: What it cost.
        limits: The bounds under which it ran.
        timeline: The samples taken while it ran.
        isolation: What was in force.
        notes: Plain sentences for a person.
    """

    outcome: Outcome
    exit_code: int | None = None
    signal: int | None = None
    stdout: str = ""
    stderr: str = ""
    stdout_bytes: bytes = b""
    stderr_bytes: bytes = b""
    dropped_bytes: int = 0
    displays: tuple[Display, ...] = ()
    outputs: Mapping[str, object] = field(default_factory=dict)
    changes: Changes | None = None
    usage: Usage
    limits: Limits = field(default_factory=Limits)
    timeline: Timeline = field(default_factory=Timeline)
    isolation: Isolation = field(default_factory=Isolation)
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the code ended by itself with exit status 0."""
        return self.outcome is Outcome.COMPLETED

    @property
    def summary(self) -> str:
        """One short line: how it ended, and when."""
        return f"{self.ending} after {seconds(self.usage.wall_seconds)}"

    @property
    def ending(self) -> str:  # noqa: PLR0911 - one for each outcome
        """How it ended, in a few words."""
        match self.outcome:
            case Outcome.COMPLETED:
                return "done"
            case Outcome.FAILED:
                return f"failed with exit status {self.exit_code}"
            case Outcome.SIGNALLED if self.signal is not None:
                return f"ended by signal {signal_name(self.signal)}"
            case Outcome.SIGNALLED:
                return "destroyed its own sandbox"
            case Outcome.WALL_TIME:
                return "stopped at the time limit"
            case Outcome.CPU_TIME:
                return "stopped at the CPU time limit"
            case Outcome.OUT_OF_MEMORY:
                return "out of memory"
            case Outcome.OUTPUT_LIMIT:
                return "stopped at the output limit"
            case Outcome.INTERRUPTED:
                return "stopped by you"

    def check(self) -> Self:
        """Give the result itself.

        Raises:
            RunFailed: The run was not `ok`.
        """
        if not self.ok:
            raise RunFailed(self)
        return self

    def plot(self) -> Drawing:
        """Draw how it went and how it ended; ``.save("run.svg")`` or ``.save("run.html")`` writes a file."""
        from sandbox_magic.picture.course import drawing

        return drawing(self)

    def _repr_mimebundle_(self, **_wanted: object) -> dict[str, str]:
        """Give what a notebook shows: the picture, and folded below it the figures, the output, what held it."""
        from sandbox_magic.picture.card import html

        return {"text/html": html(self), "text/plain": repr(self)}

    def __repr__(self) -> str:
        """Give one line with the figures."""
        figures = [self.outcome, seconds(self.usage.wall_seconds)]
        if self.usage.cpu_seconds is not None:
            figures.append(f"CPU {seconds(self.usage.cpu_seconds)}")
        if self.usage.peak_memory_bytes is not None:
            figures.append(f"peak {size(self.usage.peak_memory_bytes)}")
        return f"<Result: {', '.join(figures)}>"


def signal_name(number: int) -> str:
    """Give a signal's name, ``SIGKILL`` for 9."""
    try:
        return _signal.Signals(number).name
    except ValueError:
        return f"SIGRTMIN+{number - _signal.SIGRTMIN}" if number > _signal.SIGRTMIN else str(number)


def seconds(value: float) -> str:
    """Write a time for a person: ``3 ms``, ``0.25 s``, ``12.3 s``, ``2 min 5 s``."""
    if value < 0.0995:  # noqa: PLR2004 - below, milliseconds read better
        return f"{value * 1000:.0f} ms"
    if value < 9.995:  # noqa: PLR2004 - where two decimals would round to ten
        return f"{value:.2f} s"
    if value < 59.95:  # noqa: PLR2004 - where one decimal would round to a minute
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s"


def size(value: float) -> str:
    """Write a number of bytes for a person: ``9.8 MiB``."""
    for unit in ("B", "KiB", "MiB"):
        text = f"{value:.0f}" if unit == "B" or value >= 99.95 else f"{value:.1f}"  # noqa: PLR2004 - three digits
        if float(text) < 1024:  # noqa: PLR2004 - the unit's own factor
            return f"{text} {unit}"
        value /= 1024
    return f"{value:.2f} GiB"
