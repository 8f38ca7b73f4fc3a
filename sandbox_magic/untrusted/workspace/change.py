"""One change that a cell made to a file, as a value."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from sandbox_magic.model.units import size as in_words
from sandbox_magic.untrusted.workspace import file_names

if TYPE_CHECKING:
    from sandbox_magic.untrusted.workspace.openat import Kind

_SIGNS = {"added": "+", "changed": "~", "removed": "-"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One name that was added, changed or removed.

    Attributes:
        path: The name, below the directory; bytes that are no text are lone surrogates, as `os.fsdecode` gives them.
        kind: What happened.
        type: What it is now; what it was, if it was removed.
        size: Bytes of a file.
        executable: Whether it may be run.
        data: What the file holds, or where the link leads; None if it did not come out.
        left_out: Why it is only applied by its exact name, even where nothing is replaced or removed; else empty.
        refused: Why it can't be applied at all; empty if it can.
    """

    path: str
    kind: Literal["added", "changed", "removed"]
    type: Kind = "file"
    size: int = 0
    executable: bool = False
    data: bytes | None = field(default=None, repr=False)
    left_out: str = ""
    refused: str = ""

    def __str__(self) -> str:
        """Return one line for a person, in which every name is harmless to show."""
        mark = "/" if self.type == "directory" else f" -> {file_names.shown(self.target)}" if self.target else ""
        size = f"  {in_words(self.size)}" if self.type == "file" and self.kind != "removed" else ""
        why = self.refused or self.left_out
        note = f"  ({why if self.refused else 'not applied: ' + why})" if why else ""
        runs = "  executable" if self.executable and self.type == "file" else ""
        return f"{_SIGNS[self.kind]} {file_names.shown(self.path)}{mark}{size}{runs}{note}"

    @property
    def target(self) -> str:
        """Where a link leads; empty for anything else."""
        return os.fsdecode(self.data) if self.type == "link" and self.data else ""
