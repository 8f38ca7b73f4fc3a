"""What a run yields, in the order in which it happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox_magic.model.result import Result

StreamName = Literal["stdout", "stderr"]


@dataclass(frozen=True, slots=True)
class Text:
    """Text that the code wrote, already made safe to show.

    Attributes:
        stream: ``stdout`` or ``stderr``.
        text: Decoded, terminal controls other than colours and carriage returns removed.
    """

    stream: StreamName
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the run's processes used at one moment. What could not be read is None, never 0.

    Attributes:
        seconds: Real time since "go".
        cpu_percent: Use since the sample before, in percent of one core: 200 is two cores.
        cpu_seconds: CPU time of all its processes so far.
        memory_bytes: Memory of all its processes and its tmpfs that the kernel can't take back
            (with a cgroup: anonymous and shared).
        anonymous_bytes: Their own memory (with a cgroup only, as the next two).
        shared_bytes: tmpfs, memfd and shared memory.
        file_bytes: Cached pages of files, which the kernel takes back when memory is short.
        processes: Processes alive, PID 1 (ours) left out.
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
    """

    label: str
    seconds: float
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Display:
    """Something that the code showed, already made safe for a notebook's page.

    Attributes:
        data: MIME type -> what a notebook takes for it; images in base64.
        metadata: Goes with the data.
        kind: ``display``, or ``result`` for the value of the cell's last expression.
        display_id: A name for its place, ours and not the code's; None if it is not updated.
        update: Whether it takes the place of what was shown under that name.
    """

    data: Mapping[str, str]
    metadata: Mapping[str, object] = field(default_factory=dict)
    kind: Literal["display", "result"] = "display"
    display_id: str | None = None
    update: bool = False

    @property
    def text(self) -> str:
        """Its plain text; without one, what it is: ``<image/png>``."""
        return self.data.get("text/plain") or f"<{', '.join(self.data)}>"

    def _repr_mimebundle_(self, **_wanted: object) -> tuple[dict[str, str], dict[str, object]]:
        """Give what a notebook shows."""
        return dict(self.data), dict(self.metadata)

    def __repr__(self) -> str:
        """Give its plain text, as the value's own representation would stand here."""
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRequest:
    """The code waits for a line of text: `Run.answer` gives it.

    Asking for the next event without an answer is the end of input, an EOFError in the code.
    Until then the question counts as on screen.

    Attributes:
        prompt: The code's own words, made safe to show.
        password: Whether what is typed must not be shown.
    """

    prompt: str
    password: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """A variable that came out, when the run has completed.

    Attributes:
        name: Its name.
        value: Its value, a copy.
    """

    name: str
    value: object


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is over; always the last event.

    Attributes:
        result: How it ended and what it cost.
    """

    result: Result


Event = Text | Display | InputRequest | Sample | Mark | Output | Ended
