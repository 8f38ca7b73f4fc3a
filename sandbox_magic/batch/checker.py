"""A grader's cell that judges what a submission left: in a sandbox of its own, where no code of the submission is.

What it finds are values: the host has decoded them, checked, into plain types, and encodes them anew. What it gives
comes out as a variable, so that a checker that was killed or failed gives nothing.
"""

from __future__ import annotations

import ast
import keyword
import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from sandbox_magic.batch.graded import Score
from sandbox_magic.execution import source as _source
from sandbox_magic.execution.api import provider
from sandbox_magic.execution.cell import Cell
from sandbox_magic.execution.loop import Loop
from sandbox_magic.execution.run import Run
from sandbox_magic.execution.stopping import NotStarted
from sandbox_magic.guest.scoring import SCORES
from sandbox_magic.jail.lease import Cold, Warm
from sandbox_magic.model import options as _options
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.outcome import Outcome
from sandbox_magic.model.policy import Limits, Policy
from sandbox_magic.untrusted.text import clean, label

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from sandbox_magic.execution.source import Source
    from sandbox_magic.model.result import Result

_MOST_NOTE = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Checker:
    """The cell, and what it may use.

    Attributes:
        source: The cell.
        policy: What it may use.
        warm: Whether it may run in a spare.
    """

    source: Source
    policy: Policy
    warm: bool = True

    def judge(
        self, result: Result, submission: Mapping[str, object], drive: Callable[[Run], Result]
    ) -> tuple[Score | None, str]:
        """Run it; return the score, and why there is none.

        Args:
            result: The submission's.
            submission: Its name, its source, and the inputs it was given, as the checker finds them.
            drive: Runs it to its end.

        Raises:
            NotStarted: It was stopped by the caller, so that nothing is known.
        """
        try:
            cell = Cell(
                source=self.source,
                inputs={**_values(result), **submission},
                outputs=(SCORES,),
                scores=True,
            )
            loop = Loop(cell, self.policy, Warm() if self.warm else Cold())
            loop.provide = provider(self.policy)
            judged = drive(Run(loop))
        except PolicyError as error:  # what was left can't be passed on: too much of it
            return None, f"The checker was not run: {error}"
        if judged.outcome is Outcome.INTERRUPTED:
            raise NotStarted("the batch was stopped while the checker ran")
        return score_of(judged)


def score_of(judged: Result) -> tuple[Score | None, str]:
    """Return the score that a checker's run has given, and why there is none."""
    if judged.outcome is not Outcome.COMPLETED:
        error = "" if judged.error is None else f": {judged.error.name}: {label(judged.error.message, 300)}"
        return None, f"The checker did not complete: {judged.ending}{error}"
    calls = judged.outputs.get(SCORES)
    if not isinstance(calls, list) or not all(map(_is_call, calls)):
        return None, "The checker's score can't be read: " + (" ".join(judged.notes) or "it is none")
    if not calls:
        return None, "The checker did not call score()."
    known = [of for _, of, _ in calls if of is not None]
    note = "; ".join(filter(None, (clean(note) for _, _, note in calls)))
    try:
        points, most = math.fsum(points for points, _, _ in calls), math.fsum(known)
    except OverflowError:
        return None, "The checker's score can't be read: its points are more together than a number can be"
    return Score(points=points, of=most if known else None, note=note[:_MOST_NOTE]), ""


def _is_call(call: object) -> bool:
    match call:
        case [float(), None | float(), str()]:
            return True
    return False


def _values(result: Result) -> dict[str, object]:
    return {
        "outputs": dict(result.outputs),
        "stdout": result.stdout,
        "stderr": result.stderr,
        "files": result.files,
        "outcome": str(result.outcome),
        "exit_code": result.exit_code,
        "usage": {field.name: getattr(result.usage, field.name) for field in fields(result.usage)},
    }


def make(
    check: str | bytes | os.PathLike[str], policy: Policy, options: Mapping[str, Any] | None, *, warm: bool
) -> Checker:
    """Return the checker of a cell.

    Args:
        check: The cell, or the path of a file with it.
        policy: The submissions'; without options of its own the checker has the same, but for time and files.
        options: Its own.
        warm: Whether the submissions may run in spares.

    Raises:
        PolicyError: It can't be read, is no Python, or an option makes no sense.
    """
    source = _source.read(check)
    try:
        compile(source.text, source.path or "<check>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise PolicyError("the checker is no Python", seen=str(error), remedy="a cell that calls score(...)") from error
    default = Limits()
    limits = replace(
        policy.limits, wall_seconds=default.wall_seconds, cpu_seconds=None, output_bytes=default.output_bytes,
        on_output_limit="cut",
    )  # fmt: skip
    own = replace(policy, limits=limits, binds=(), workspace="", save=(), trace=False)
    whole = _options.to_policy(_options.read(options or {}, ("limits", "policy")), own)
    return Checker(source=source, policy=whole, warm=warm and whole.parked_with() == policy.parked_with())


def names_wanted(source: Source) -> tuple[str, ...]:
    """Return the variables that a checker asks for by name: ``outputs["x"]``, ``outputs.get("x")``."""
    found: dict[str, None] = {}
    for node in ast.walk(ast.parse(source.text)):
        match node:
            case ast.Subscript(value=ast.Name(id="outputs"), slice=ast.Constant(value=str(name))):
                found[name] = None
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="outputs"), attr="get"), args=[ast.Constant(value=str(name)), *_]
            ):
                found[name] = None
            case ast.Compare(left=ast.Constant(value=str(name)), comparators=[ast.Name(id="outputs")]):
                found[name] = None
    return tuple(name for name in found if name.isidentifier() and not keyword.iskeyword(name))
