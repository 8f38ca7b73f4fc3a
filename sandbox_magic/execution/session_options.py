"""Which options belong to a session as a whole, and which to one of its cells."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sandbox_magic.model import options as _options
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.languages import PYTHON

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox_magic.execution.cell import Cell
    from sandbox_magic.model.policy import Policy

_LANGUAGES = (PYTHON.name, "bash")


def of_session(options: Mapping[str, Any], policy: Policy | None, undo: int) -> tuple[str, Policy]:
    """Return a session's language and policy.

    Args:
        options: Its options.
        policy: What they are on top of.
        undo: How many cells it can go back.

    Raises:
        PolicyError: An option makes no sense, or belongs to a cell.
    """
    values = _options.read(options, ("limits", "policy", "run"))
    language = str(values.pop("language", PYTHON.name))
    if language not in _LANGUAGES:
        msg = f"a session runs {' or '.join(_LANGUAGES)}, and this is {language}"
        raise PolicyError(msg, remedy="a cell without a session; in one of Python's !command and %%bash")
    of_cell = [name for name in values if _options.BY_KEYWORD[name].scope == "run" and name != "warm"]
    if of_cell:
        msg = f"option {of_cell[0]} belongs to a cell, and not to a session"
        raise PolicyError(msg, remedy=f"session.run(source, {of_cell[0]}=...)")
    values.pop("warm", None)
    whole = replace(_options.to_policy(values, policy), undo=undo if language == PYTHON.name else 0)
    if whole.save:
        msg = "option save: a session's files stay in it"
        raise PolicyError(msg, remedy="outputs=, or a run without a session")
    return language, whole


def of_cell(options: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Return a cell's options, read.

    Args:
        options: The options.
        language: The session's language, which is the cell's if it says none.

    Raises:
        PolicyError: One makes no sense.
    """
    values = _options.read(options, ("limits", "policy", "run"))
    values.pop("warm", None)
    values.setdefault("language", language)
    return values


def check(cell: Cell, policy: Policy, language: str, whole: Policy) -> None:
    """Check that a cell, with its own policy, can run in a session of this language and policy.

    Raises:
        PolicyError: It can't.
    """
    if cell.language.name != language:
        msg = f"this session runs {language}, and the cell is {cell.language.name}"
        raise PolicyError(msg, remedy="a session of its own, or a cell without one; in one of Python's %%bash")
    if cell.stdin != b"":
        msg = "option stdin: a session's cells have no standard input"
        raise PolicyError(msg, remedy="input(), which asks; or inputs=")
    if policy.parked_with() != whole.parked_with() or policy.save:
        msg = "an option of this cell belongs to the session as a whole"
        raise PolicyError(msg, remedy="Session(...) takes it; a cell has its own timeout, cpu_time, output_limit")
