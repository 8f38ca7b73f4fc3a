"""What a cell did to its files: the list for a person, and how to apply it."""

from __future__ import annotations

import html
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, overload

from sandbox_magic.model.units import size as in_words
from sandbox_magic.untrusted.workspace import apply, file_names

if TYPE_CHECKING:
    from sandbox_magic.untrusted.workspace.apply import Applied
    from sandbox_magic.untrusted.workspace.openat import Kind
    from sandbox_magic.untrusted.workspace.snapshot import Snapshot

_MOST_SHOWN = 50
_MOST_EXAMPLE = 60  # characters of a name
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
        left_out: Why it is only applied by its exact name; empty if it is applied by default.
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


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Changes(Sequence[Change]):
    """What was added, changed and removed.

    Attributes:
        entries: One for each name, in the order of the directory.
        complete: Whether every file was examined; if not, nothing counts as removed.
    """

    entries: tuple[Change, ...] = ()
    complete: bool = True
    _before: Snapshot | None = field(default=None, repr=False)

    @property
    def original(self) -> str | None:
        """The directory that it was a copy of; None if there was none."""
        return self._before.path if self._before else None

    def apply(self, *chosen: str, to: str | os.PathLike[str] | None = None) -> Applied:
        """Apply changes to the original directory, all of them or none.

        Args:
            chosen: Names or patterns (``*.csv``; ``*`` matches ``/`` too). Without any, all that are
                applied by default; the others (see `Change.left_out`) only by their exact names.
            to: Another directory for what was added and changed; made if it is not there. A file of another content
                that is there is never replaced, unless it was saved by this package and has not been changed since.

        Returns:
            What was applied, and what was not.

        Raises:
            NotApplied: One of them can't be applied: nothing was, unless the error says otherwise.
        """
        return apply.apply(self, self._before, chosen, to)

    @overload
    def __getitem__(self, index: int) -> Change: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Change, ...]: ...
    def __getitem__(self, index: int | slice) -> Change | tuple[Change, ...]:
        return self.entries[index]

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.entries)

    def __repr__(self) -> str:
        """Return the list for a person."""
        return "\n".join(self._lines()) or "<Changes: none>"

    def _repr_html_(self) -> str:
        """Return the list for a notebook."""
        style = "margin:0;word-break:normal;overflow-wrap:anywhere"
        return f'<pre style="{style}">{html.escape(repr(self))}</pre>'

    def _lines(self) -> list[str]:
        lines = [str(change) for change in self.entries[:_MOST_SHOWN]]
        if len(self.entries) > _MOST_SHOWN:
            lines.append(f"... and {len(self.entries) - _MOST_SHOWN} more")
        if not self.complete:
            lines.append("There were more files than are examined, so this list is incomplete.")
        if any(change.left_out and not change.refused for change in self.entries):
            lines.append(f"What is not applied by default is applied by its exact name: apply({self._example()})")
        return lines

    def _example(self) -> str:
        """Return the name of something that is not applied by default, as Python writes it, if it is a plain one."""
        kept = (
            change.path
            for change in self.entries
            if change.left_out and not change.refused and change.type != "directory"
        )
        return next((repr(path) for path in kept if path.isprintable() and len(path) <= _MOST_EXAMPLE), "NAME")
