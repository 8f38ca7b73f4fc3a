"""What actually held each protection and each limit of a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

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
        words: What that means, for a person.
    """

    name: str
    kind: Literal["protection", "limit"]
    mechanism: str
    strength: Strength = "enforced"
    remedy: str = ""
    words: str = ""

    @property
    def text(self) -> str:
        """What it means, and the mechanism behind it."""
        return f"{self.words} ({self.mechanism})" if self.words and self.mechanism else self.words or self.mechanism


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
        """Return the guard of that name.

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
        """Return it as plain values, for JSON."""
        return asdict(self)

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:  # noqa: FBT001 - IPython's own form
        printer.text(str(self))

    def __str__(self) -> str:
        """Return a table for a person: name, mechanism, and the strength where it is not full."""
        wide = max((len(guard.name) for guard in self.guards), default=0)
        lines = []
        for guard in self.guards:
            strength = "" if guard.strength == "enforced" else f"  [{guard.strength}]"
            lines.append(f"{guard.name:<{wide}}  {guard.text}{strength}")
            if guard.remedy:
                lines.append(f"{'':<{wide}}  -> {guard.remedy}")
        return "\n".join(lines)
