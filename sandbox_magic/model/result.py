"""How a run ended, what it left, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox_magic.model.errors import SandboxError
from sandbox_magic.model.isolation import Isolation
from sandbox_magic.model.outcome import Outcome, ending
from sandbox_magic.model.policy import Limits
from sandbox_magic.model.timeline import Timeline
from sandbox_magic.model.units import seconds, size

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from sandbox_magic.model.attempts import Attempts
    from sandbox_magic.model.output import Display
    from sandbox_magic.picture.drawing import Drawing
    from sandbox_magic.untrusted.workspace.changes import Changes


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkUsage:
    """What went through one host and port of ``net``.

    Attributes:
        connections: How many were opened.
        sent_bytes: What the code sent.
        received_bytes: What came back.
        refused: How many were closed because they were not for this name (port 443), or no TLS.
        failed: How many could not be opened, because the host was not reached.
        refused_names: Names that the refused ones asked for in TLS, made safe to show; ten at most.
    """

    connections: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0
    refused: int = 0
    failed: int = 0
    refused_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a run used. What is not known is None, never 0.

    Attributes:
        wall_seconds: Real time from "go", or from the end of a compiler, to the end of the code.
        cpu_seconds: CPU time of all its processes; a compiler's is not in it.
        peak_memory_bytes: The most memory at one time, cached pages of files left out; with a cgroup by the kernel's
            own count, so that what came and went between two samples is in it.
        peak_processes: The most processes at one time that a sample saw.
        read_bytes: Bytes read, as far as samples saw them.
        written_bytes: Bytes written, likewise.
        park_seconds: Real time that the run waited for its sandbox, before "go".
        warm: Whether that had been started before.
        paused_seconds: Real time for which the run was paused; not part of ``wall_seconds``.
        network: What went through each host of ``net``, by its name, and its port if that is not 443.
        compile_seconds: Real time of the compiler; None without one.
    """

    wall_seconds: float
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    peak_processes: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None
    park_seconds: float = 0.0
    warm: bool = False
    paused_seconds: float = 0.0
    network: Mapping[str, NetworkUsage] = field(default_factory=dict)
    compile_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorDetails:
    """The exception that ended the code, in the code's own words: made safe to show, and not to be believed.

    Attributes:
        name: The class, as a traceback names it: ``ValueError``, ``json.decoder.JSONDecodeError``.
        message: What ``str()`` of it says.
        traceback: All that Python wrote about it.
        line: The line of the code where it was raised, or from where it was called; None if that is not known.
    """

    name: str
    message: str = ""
    traceback: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Result:
    """How one run ended and what it left.

    Attributes:
        outcome: How it ended.
        exit_code: The code's own exit status; None if it did not exit by itself.
        signal: The number of the signal that ended it; None if none did.
        error: The exception that ended it, as the code's Python describes it; None if none did.
        finished: Whether the code ran past its last line: False where an exception, ``sys.exit(0)``, ``os._exit(0)``,
            a limit or a signal ended it before. This is the code's own word, so code that means to lie can. None where
            it can't be told: in a language other than Python.
        compiled: Whether its compiler succeeded, so that the program began; None without a compiler.
        stdout: What it wrote, decoded and safe to show; an inserted line marks a cut.
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
        attempts: What it tried to open, run and reach, and what it was refused; None without ``trace``.
        restored: Whether the run was a cell of a session that had to be killed, and the session is as it was before.
        notes: Plain sentences for a person.
    """

    outcome: Outcome
    exit_code: int | None = None
    signal: int | None = None
    error: ErrorDetails | None = None
    finished: bool | None = None
    compiled: bool | None = None
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
    attempts: Attempts | None = None
    restored: bool = False
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
    def ending(self) -> str:
        """How it ended, in a few words."""
        return ending(self.outcome, self.exit_code, self.signal, self.attempts).words

    def check(self) -> Self:
        """Return the result itself.

        Raises:
            RunFailed: The run was not `ok`.
        """
        if not self.ok:
            raise RunFailed(self)
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain JSON types: the keys of the usage file, and the output, values and files.

        Bytes are in base64. An output is ``{"value": ...}`` where JSON has its type, up to a megabyte in all,
        else ``{"codec": ...}``: the bytes in which variables travel. The directory that the changes are for is
        not in it.

        Raises:
            PolicyError: An output has become a value that can't be passed out.
        """
        from sandbox_magic.execution import record

        return record.to_dict(self)

    def to_json(self) -> str:
        """Return `to_dict` as JSON."""
        from sandbox_magic.execution import record

        return record.to_json(self)

    @classmethod
    def from_dict(cls, whole: Mapping[str, object]) -> Result:
        """Return the result that `to_dict` described, or a usage file without its output.

        It may be a stranger's: every value is checked and bounded, text and displays are sanitized anew (so HTML gets
        one more element around it), nothing is unpickled. Its changes can be applied ``to=DIRECTORY`` only.

        Args:
            whole: What `to_dict` returned, also through JSON.

        Raises:
            ValueError: It is not that; says what was seen.
        """
        from sandbox_magic.execution import record

        return record.from_dict(whole)

    @property
    def files(self) -> dict[str, bytes]:
        """The files that came out, by name: those that ``save`` names, or those that are new in a workspace."""
        files = (change for change in self.changes or () if change.type == "file" and change.kind != "removed")
        return {change.path: change.data for change in files if change.data is not None}

    def images(self) -> tuple[bytes, ...]:
        """Return the pictures among the displays, in order, each as the bytes of a PNG, JPEG or GIF file."""
        return tuple(image for display in self.displays if (image := display.image) is not None)

    def plot(self) -> Drawing:
        """Draw how it went and how it ended; ``.save("run.svg")`` or ``.save("run.html")`` writes a file."""
        from sandbox_magic.picture.course import drawing

        return drawing(self)

    def _repr_mimebundle_(self, **_wanted: object) -> dict[str, str]:
        """Return what a notebook shows: the picture, and folded below it the figures, the output, what held it."""
        from sandbox_magic.picture.card import html

        return {"text/html": html(self), "text/plain": repr(self)}

    def __repr__(self) -> str:
        """Return one line with the figures."""
        figures = [self.outcome, seconds(self.usage.wall_seconds)]
        if self.usage.cpu_seconds is not None:
            figures.append(f"CPU {seconds(self.usage.cpu_seconds)}")
        if self.usage.peak_memory_bytes is not None:
            figures.append(f"peak {size(self.usage.peak_memory_bytes)}")
        return f"<Result: {', '.join(figures)}>"


class RunFailed(SandboxError):  # noqa: N818 - reads as what it says, like `CalledProcessError`'s cousins
    """A run did not end well; raised on request only, by `Result.check` and by the magic.

    Args:
        result: How the run ended.
    """

    def __init__(self, result: Result) -> None:
        self.result = result
        super().__init__(result.summary)

    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes with the result."""
        return type(self), (self.result,)
