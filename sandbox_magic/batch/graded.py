"""One row of a batch: a submission's result, and what the checker says of it; also as plain JSON types, and back."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any

from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.outcome import Outcome
from sandbox_magic.model.result import Result
from sandbox_magic.picture import card
from sandbox_magic.untrusted.names import shown
from sandbox_magic.untrusted.text import clean, label

if TYPE_CHECKING:
    from collections.abc import Mapping


_MOST_NAME = 300  # characters; a file's name has 255 at most
_MOST_REMARK = 2000
_RANKS = {Outcome.FAILED: 2, Outcome.COMPLETED: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a checker gave: the sum of its calls of ``score``.

    Attributes:
        points: The points.
        of: How many there were to get; None where no call said it.
        note: What the calls said, made safe to show.
    """

    points: float
    of: float | None = None
    note: str = ""

    @property
    def share(self) -> float:
        """The points as a part of those there were to get; the points themselves where that is not known."""
        return self.points / self.of if self.of else self.points

    def __str__(self) -> str:
        """Return ``3 of 4``."""
        return f"{self.points:g}" if self.of is None else f"{self.points:g} of {self.of:g}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Graded:
    """A submission of a batch, and its result: everything that a `Result` has, with a name and a score.

    Attributes:
        name: The submission's.
        case: The number of the case, from 1, where there are several inputs.
        result: Its result; None if it could not be run.
        score: What the checker gave; None without a checker, and where that gave none or did not complete.
        why: Why there is no result or no score, where there should be one; made safe to show, for paths are in it.
    """

    name: str
    case: int | None = None
    result: Result | None = None
    score: Score | None = None
    why: str = ""

    def __post_init__(self) -> None:
        """Let the reason drive no terminal."""
        object.__setattr__(self, "why", clean(self.why))

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; None if it could not be run."""
        return None if self.result is None else self.result.outcome

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with exit status 0."""
        return self.result is not None and self.result.ok

    @property
    def word(self) -> str:
        """The outcome's name; ``not run`` where there is none."""
        return "not run" if self.outcome is None else self.outcome.value

    @property
    def ending(self) -> str:
        """How it ended, in words; of a failure the exception's name, which is the code's own word."""
        if self.result is None:
            return self.word
        if self.outcome is Outcome.FAILED and self.result.error is not None:
            return f"failed: {label(self.result.error.name, 40)}"
        return self.result.ending

    @property
    def rank(self) -> tuple[int, float, str, int]:
        """Where it is when the worst comes first: not run, killed, failed, completed; then by score, name and case."""
        outcome = self.outcome
        rank = 0 if outcome is None else _RANKS.get(outcome, 1)
        return rank, float("-inf") if self.score is None else self.score.share, self.name, self.case or 0

    @property
    def title(self) -> str:
        """Its name, with the number of its case."""
        return self.name if self.case is None else f"{self.name} #{self.case}"

    @property
    def shown(self) -> str:
        """The same for a person: what can't be seen is written out, so that no two names look the same."""
        return shown(self.name, _MOST_NAME) + ("" if self.case is None else f" #{self.case}")

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the checker said, and why there is no result or no score: each as one line of text."""
        said = "" if self.score is None else self.score.note
        return tuple(label(text, _MOST_REMARK) for text in (said, self.why) if text)

    def html(self) -> str:
        """Return what the checker said, and the card of the result; everything of the submission's is escaped."""
        remarks = "".join(f"<p>{escape(text)}</p>" for text in self.remarks)
        inside = "" if self.result is None else card.html(self.result).removeprefix(card.STYLE)
        return f'{card.STYLE}<div class="sandbox-result">{remarks}</div>{inside}'

    def _repr_html_(self) -> str:
        """Return what a notebook shows: its name, its score, and the rest as in a report."""
        about = ", ".join(filter(None, (self.ending, str(self.score or ""))))
        head = f"<p><b>{escape(self.shown)}</b> {escape(about)}</p>"
        return f'{card.STYLE}<div class="sandbox-result">{head}</div>{self.html()}'

    def __getattr__(self, name: str) -> Any:
        """Return what the result has."""
        if name.startswith("_") or self.result is None:
            msg = f"{type(self).__name__!r} object has no attribute {name!r}"
            raise AttributeError(f"{msg}: {self.why}" if not name.startswith("_") else msg)
        return getattr(self.result, name)

    def __repr__(self) -> str:
        """Return one line."""
        how = repr(self.result)[9:-1] if self.result is not None else f"not run: {self.why}"
        return f"<Graded {self.title!r}: {how}{'' if self.score is None else f', {self.score} points'}>"

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain JSON types."""
        score = self.score
        return {
            "name": self.name,
            "case": self.case,
            "score": None if score is None else {"points": score.points, "of": score.of, "note": score.note},
            "why": self.why,
            "result": None if self.result is None else _plain(self.result),
        }

    @classmethod
    def from_dict(cls, whole: Mapping[str, Any]) -> Graded:
        """Return what `to_dict` described; the result is checked and sanitized as by `Result.from_dict`.

        Raises:
            ValueError: It is not that.
        """
        try:
            score, result = whole["score"], whole["result"]
            return cls(
                name=str(whole["name"]),
                case=None if whole["case"] is None else int(whole["case"]),
                score=None if score is None else _score(score),
                why=str(whole["why"]),
                result=None if result is None else Result.from_dict(result),
            )
        except (KeyError, TypeError, OverflowError) as error:
            msg = f"this is no row of a batch: {type(error).__name__}: {error}"
            raise ValueError(msg) from error


def _plain(result: Result) -> dict[str, Any]:
    try:
        return result.to_dict()
    except PolicyError as error:  # a value was decoded that can't be encoded: the rest must not be lost with it
        return replace(result, outputs={}, notes=(*result.notes, f"The variables were not kept: {error}.")).to_dict()


def _score(score: Mapping[str, Any]) -> Score:
    points, of = float(score["points"]), None if score["of"] is None else float(score["of"])
    if not math.isfinite(points) or not math.isfinite(of or 0.0):
        raise ValueError("points of a row are no number")
    return Score(points=points, of=of, note=clean(str(score["note"])))
