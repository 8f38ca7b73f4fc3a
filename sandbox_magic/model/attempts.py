"""What the code of a run tried: an account for a person, which decided nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, overload

from sandbox_magic.model.errors import SandboxError
from sandbox_magic.safe_import import importing

if TYPE_CHECKING:
    from collections.abc import Iterator

AttemptKind = Literal["open", "run", "connect", "send", "remove", "rename", "look up", "call"]
Answer = Literal["allowed", "not shared", "refused", "no network"]
_SHOWN = 40
_TARGET_CHARACTERS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One thing that the code tried.

    Attributes:
        kind: ``open``, ``run``, ``connect``, ``send``, ``remove``, ``rename``, or ``call`` for a refused system call;
            ``look up`` for the name of a host, which is the code's own word alone.
        target: What, as the code named it, made safe to show: a path, an address; for ``call`` the call's name.
        count: How often.
        first_seconds: When it did first, since "go".
        last_seconds: When it did last.
        answer: What the sandbox has for it: ``allowed`` (the kernel answered as to any program, so it may be an error),
            ``not shared``, ``refused``, ``no network``.
        option: The option that would allow it; empty if none does.
        process: The name of the process that did so first, by its own word.
        line: The line of the cell, by the code's own word, so it can be a lie; None where Python can't tell.
        sensitive: What of a person's it seems to be after, such as ``SSH keys``; mostly empty.
    """

    kind: AttemptKind
    target: str
    count: int
    first_seconds: float
    last_seconds: float = 0.0
    answer: Answer = "allowed"
    option: str = ""
    process: str = ""
    line: int | None = None
    sensitive: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts(Sequence[Attempt]):
    """What the code of one run tried: a sequence of `Attempt`, in the order in which each came first.

    Attributes:
        rows: The attempts, at most 2,000.
        ordinary: How often it opened its own environment's files: the standard library, packages, fonts.
        more: How many calls are in no row, because there were too many.
        complete: Whether what watched was there to the end.
    """

    rows: tuple[Attempt, ...] = ()
    ordinary: int = 0
    more: int = 0
    complete: bool = True

    @overload
    def __getitem__(self, place: int) -> Attempt: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Attempt, ...]: ...
    def __getitem__(self, place: int | slice) -> Attempt | tuple[Attempt, ...]:
        """Return an attempt, or a few."""
        return self.rows[place]

    def __len__(self) -> int:
        """Return how many different ones there are."""
        return len(self.rows)

    def __iter__(self) -> Iterator[Attempt]:
        """Return an iterator over them."""
        return iter(self.rows)

    @property
    def refused(self) -> tuple[Attempt, ...]:
        """Those that the sandbox did not allow: refused, not shared, or no network."""
        return tuple(row for row in self.rows if row.answer != "allowed")

    @property
    def suggestion(self) -> str:
        """The smallest options that would allow what can be allowed; never what looks like a secret. May be empty."""
        return " ".join(self._options())

    def _options(self) -> list[str]:
        return list(dict.fromkeys(row.option for row in self.rows if row.option and not row.sensitive))

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a person should know first, in words."""
        counts: dict[tuple[str, bool], int] = {}
        for row in self.rows:
            if row.sensitive:
                key = row.sensitive, row.answer == "allowed"
                counts[key] = counts.get(key, 0) + row.count
        told = [_sensitive(what, count, there=there) for (what, there), count in counts.items()]
        if share := " ".join(each for each in self._options() if not each.startswith("--net ")):
            told.append(f"To share what it looked for, in its working directory: {share}")
        if reach := " ".join(each for each in self._options() if each.startswith("--net ")):
            told.append(f"To let it connect to what it asked for: {reach}")
        if not self.complete:
            told.append("What watched the run ended before it, so the run was ended; what it tried is not known.")
        return tuple(told)

    @property
    def about(self) -> str:
        """How many there were, in a few words."""
        parts = [f"{len(self.refused)} not allowed", f"{len(self)} in all"]
        parts += [f"{self.ordinary:,} of its environment's files"] * bool(self.ordinary)
        parts += [f"{self.more:,} more that were not looked at"] * bool(self.more)
        parts += ["not known to the end"] * (not self.complete)
        return ", ".join(parts)

    def lines(self) -> list[tuple[str, ...]]:
        """Return a table for a person, those not allowed first: kind, target, count, when, answer, line, option."""
        rows = sorted(self.rows, key=lambda row: row.answer == "allowed")
        return [
            (
                row.kind,
                row.target if len(row.target) <= _TARGET_CHARACTERS else f"{row.target[: _TARGET_CHARACTERS - 1]}…",
                f"{row.count:,}",
                f"{row.first_seconds:.3f} s",
                row.answer,
                f"line {row.line}, it says" if row.line else "",
                row.option,
            )
            for row in rows[:_SHOWN]
        ]

    def to_frame(self) -> Any:
        """Return them as a pandas ``DataFrame``, a column for each field.

        Raises:
            SandboxError: pandas is not installed.
        """
        try:
            with importing():
                import pandas as pd
        except ImportError as error:
            what = "Attempts become a DataFrame only where pandas is installed."
            raise SandboxError(what, seen=str(error), remedy="pip install pandas, or list(attempts)") from error
        names = [field.name for field in fields(Attempt)]
        return pd.DataFrame([[getattr(row, name) for name in names] for row in self.rows], columns=names)

    def __str__(self) -> str:
        """Return a table for a person."""
        return "\n".join((self.about, *map(in_a_line, self.lines())))

    def _repr_html_(self) -> str:
        from sandbox_magic.picture import card  # who draws no list loads none of it

        return card.attempts(self)

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:  # noqa: FBT001 - IPython's own form
        printer.text(str(self))


def in_a_line(texts: Sequence[str]) -> str:
    """Return a row of `Attempts.lines` as text."""
    return "  ".join(filter(None, texts))


def _sensitive(what: str, count: int, *, there: bool) -> str:
    times = "once" if count == 1 else f"{count:,} times"
    if there:
        return f"It opened what may be {what} ({times}), which the sandbox has."
    return f"It looked for {what} ({times}). There are none in the sandbox."
