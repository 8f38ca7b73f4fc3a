"""``%sandbox`` lines in the kernel: answered on the host, where one is the whole cell."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Protocol, TypeAlias

from sandbox_magic.jail.doctor import diagnose
from sandbox_magic.model import options as _options
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.option_values import split_words
from sandbox_magic.model.policy import Limits
from sandbox_magic.model.units import limit
from sandbox_magic.untrusted.text import label

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox_magic.kernel.live import Live
    from sandbox_magic.kernel.session import KernelSession
    from sandbox_magic.model.attempts import Attempts
    from sandbox_magic.model.result import Result
    from sandbox_magic.untrusted.workspace.changes import Changes

_MAGIC = "%sandbox"
Answer: TypeAlias = "str | Mapping[str, str] | Live"
"""Words, a MIME bundle of ours, or the picture that follows the cells."""

_NAMES = _options.limit_names()
_NONE_YET = "no cell has run yet"

HELP = """\
The cells of this notebook run in one sandbox, which keeps its variables from one cell to the next.
%sandbox                  what this is, and the limits
%sandbox limits [OPTIONS] the limits; options tighten them: %sandbox limits --timeout 5
%sandbox undo             go back to the state before the last cell
%sandbox restart          start again with an empty sandbox
%sandbox dashboard        what the cells use, one behind the other; it follows them
%sandbox result           the picture of the last cell, and what it cost
%sandbox isolation        what enforced each protection and limit of the last cell
%sandbox attempts         what the cells have tried so far, where the kernel was started with --trace
%sandbox changes          what the cells have done to the files of this folder, which stays as it is
%sandbox apply [NAME ...] copy that into the folder: what is added and harmless, or what is named; asks you first
%sandbox doctor           what this machine can enforce
Each stands alone in its cell. Looser limits are set outside of the notebook."""


class Ran(Protocol):
    """What has been run.

    Attributes:
        last: The result of the last cell; None before the first.
        live: The picture of what all cells have used.
    """

    last: Result | None
    live: Live


def command(source: str) -> str | None:
    """Return what stands behind ``%sandbox`` in a cell that is one such line; None if it is something else."""
    line = source.strip()
    rest = line.removeprefix(_MAGIC)
    if not line.startswith(_MAGIC) or "\n" in line or (rest and not rest[0].isspace()):
        return None
    return rest.strip()


def answer(line: str, session: KernelSession, ran: Ran, confirm: Callable[[str], bool]) -> Answer:
    """Do what a line asks for; return what there is to say.

    Args:
        line: What stands behind ``%sandbox``.
        session: The kernel's.
        ran: What has been run.
        confirm: Asks the person at the front end whether something is to be done.

    Raises:
        PolicyError: There is no such command, or it can't be done.
        SandboxError: Likewise.
    """
    word, *rest = split_words(line, f"the line can't be read: {line}") or [""]
    commands: dict[str, Callable[[], Answer]] = {
        "": lambda: f"{HELP}\n\n{_limits(session)}",
        "-h": lambda: HELP,
        "--help": lambda: HELP,
        "limits": lambda: _tightened(session, rest),
        "undo": lambda: _undone(session),
        "restart": lambda: _restarted(session),
        "dashboard": lambda: _NONE_YET if ran.last is None else ran.live,
        "result": lambda: _NONE_YET if ran.last is None else ran.last._repr_mimebundle_(),
        "isolation": lambda: _NONE_YET if ran.last is None else str(ran.last.isolation),
        "attempts": lambda: _NONE_YET if ran.last is None else _bundle(session.attempts()),
        "changes": lambda: _bundle(session.changes()),
        "apply": lambda: _applied(session, rest, confirm),
        "doctor": lambda: str(diagnose(session.policy)),
    }
    if word not in commands:
        raise PolicyError(f"%sandbox takes no {word!r} here", remedy="%sandbox -h lists what there is")
    if rest and word not in ("limits", "apply"):
        raise PolicyError(f"%sandbox {word} takes nothing behind it", seen=" ".join(rest))
    return commands[word]()


def _limits(session: KernelSession) -> str:
    limits = session.policy.limits
    values = {field.name: getattr(limits, field.name) for field in fields(Limits)}
    told = {
        _NAMES[name]: "none" if value is None else value if isinstance(value, str) else limit(name, value)
        for name, value in values.items()
    }
    return "\n".join(f"{name:<16} {value}" for name, value in told.items())


def _tightened(session: KernelSession, words: list[str]) -> str:
    if words:
        session.tighten(words)
    return _limits(session)


def _undone(session: KernelSession) -> str:
    session.undo()
    return "the state is as it was before the last cell; files stay as they are"


def _restarted(session: KernelSession) -> str:
    session.close()
    return "the next cell starts with an empty sandbox"


def _bundle(shown: Changes | Attempts) -> dict[str, str]:
    return {"text/plain": str(shown), "text/html": shown._repr_html_()}


def _applied(session: KernelSession, names: list[str], confirm: Callable[[str], bool]) -> str:
    """Apply changes, if the person says so: the line may be a stranger's, and "Run All" runs it."""
    changes = session.changes()
    what = ", ".join(label(name, 80) for name in names) or "what is added and harmless"
    if not confirm(f"apply {what} to {label(session.policy.workspace, 200)}?\n{changes!r}\n"):
        return "nothing was applied"
    return repr(changes.apply(*names))
