"""What the code writes, shows and asks, made safe already."""

from __future__ import annotations

import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

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


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Display:
    """Something that the code showed, already made safe for a notebook's page.

    Attributes:
        data: MIME type -> what a notebook takes for it; images in base64.
        metadata: Goes with the data.
        kind: ``display``, or ``result`` for the value of the cell's last expression.
        display_id: A name for its place, made by the host; None if it is not updated.
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

    @property
    def image(self) -> bytes | None:
        """The picture that it is, as bytes of PNG, JPEG or GIF; None if it is none."""
        found = next((text for mime, text in self.data.items() if mime.startswith("image/")), None)
        return None if found is None else binascii.a2b_base64(found)

    def _repr_mimebundle_(self, **_wanted: object) -> tuple[dict[str, str], dict[str, object]]:
        """Return what a notebook shows."""
        return dict(self.data), dict(self.metadata)

    def __repr__(self) -> str:
        """Return its plain text, in place of the value's own representation."""
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """The code asked that its output so far be cleared (`clear_output`).

    Attributes:
        wait: Whether only once there is new output.
    """

    wait: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRequest:
    """The code waits for a line of text: `Run.answer` answers it.

    Asking for the next event without an answer is the end of input, an EOFError in the code.
    Until then the question counts as on screen.

    Attributes:
        prompt: The code's own words, made safe to show.
        password: Whether what is typed must not be shown.
    """

    prompt: str
    password: bool = False
