"""What a cell did to its files: the list for a person, and how to apply it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, overload

from sandbox_magic.untrusted.workspace import apply, diff, table
from sandbox_magic.untrusted.workspace.change import Change

if TYPE_CHECKING:
    import os

    from sandbox_magic.untrusted.workspace.apply import Applied
    from sandbox_magic.untrusted.workspace.diff import Diff
    from sandbox_magic.untrusted.workspace.snapshot import Snapshot

_MOST_SHOWN = 50


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

    def diff(self, *chosen: str) -> Diff:
        """Return what changed in the files: text line by line, anything else as sizes.

        What a file held before is read from the original directory, if it is still what it was when the run began.

        Args:
            chosen: Names or patterns, as for `apply`. Without any, all.

        Raises:
            NotApplied: A name is not among them.
        """
        return diff.diff(apply.Selection(self, chosen), self._before)

    def apply(self, *chosen: str, to: str | os.PathLike[str] | None = None) -> Applied:
        """Apply changes to the original directory, all of them or none.

        What is added and harmless is applied by default. What would replace or remove something, and what has a
        reason against it (see `Change.left_out`), is applied only by its exact name; with a directory that was removed
        goes what was in it.

        Args:
            chosen: Names or patterns (``*.csv``; ``*`` matches ``/`` too). Without any, all.
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
        """Return the list for a notebook, as a table."""
        return table.html(self.entries[:_MOST_SHOWN], self._sizes(), self._remarks())

    def _sizes(self) -> dict[str, int]:
        """Return what the files that were changed or removed had, in bytes."""
        before = self._before.summaries if self._before else {}
        return {each.path: before[each.path][1] for each in self.entries[:_MOST_SHOWN] if each.path in before}

    def _lines(self) -> list[str]:
        return [*map(str, self.entries[:_MOST_SHOWN]), *self._remarks()]

    def _remarks(self) -> list[str]:
        """Return what is said below the list."""
        remarks = []
        if len(self.entries) > _MOST_SHOWN:
            remarks.append(f"... and {len(self.entries) - _MOST_SHOWN} more")
        if not self.complete:
            remarks.append("There were more files than are examined, so this list is incomplete.")
        if example := self.example:
            remarks.append(f"apply() applies what is added and not marked; anything else by its exact name: {example}")
        return remarks

    @property
    def example(self) -> str:
        """How to apply one that is applied only by its exact name: ``apply('sales.csv')``; empty if there is none."""
        kept = [
            each
            for each in self.entries
            if (apply.needs_name(each) if self.original else each.left_out and not each.refused)
        ]
        names = [each.path for each in kept if each.type != "directory"]
        return f"apply({apply.example(names)})" if kept else ""
