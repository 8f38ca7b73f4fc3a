"""What went wrong in a cell, as Jupyter says it: the name of an error, its words, the lines of a traceback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox_magic.model.outcome import Outcome
from sandbox_magic.untrusted.text import label

if TYPE_CHECKING:
    from sandbox_magic.model.errors import SandboxError
    from sandbox_magic.model.result import ErrorDetails, Result

_MOST_WORDS = 1000  # of a name or a message, which front ends write on one line
_STOPPED_EARLY = "stopped by you before it started; nothing was run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error as the messages have it.

    Attributes:
        name: Its class.
        message: What is said of it.
        traceback: Its lines, colours allowed.
        error: The error of ours that it is; None where code ran.
    """

    name: str
    message: str
    traceback: tuple[str, ...]
    error: SandboxError | None = None

    @property
    def content(self) -> dict[str, object]:
        """What the message and the reply hold of it."""
        return {"ename": self.name, "evalue": self.message, "traceback": list(self.traceback)}


def of_result(result: Result) -> Failure | None:
    """Return what went wrong in a cell of a session; None if nothing did.

    Code that ended its own interpreter did not reach the end of its cell, whatever its exit status was. The result's
    notes say what became of the session then.
    """
    if result.ok and result.finished is not False and not result.restored:
        return None
    error = result.error
    lines = error.traceback.rstrip("\n").split("\n") if error is not None and error.traceback else []
    notes = [f"sandbox: {note}" for note in result.notes]
    if result.outcome is Outcome.FAILED and error is not None and not result.restored:
        name, message, lines = _short(error.name), _short(error.message), lines or [_headline(error)]
    else:
        name, message = _name(result), _ended(result)
        notes.insert(0, f"sandbox: {message}")
    if notes and any("\x1b" in line for line in lines):
        lines[-1] += "\x1b[0m"  # else the code's last colour could hide ours
    lines += notes
    return Failure(name=name, message=message, traceback=tuple(lines))


def _headline(error: ErrorDetails) -> str:
    return f"{_short(error.name)}: {_short(error.message)}"


def _short(text: str) -> str:
    return label(text, _MOST_WORDS)


def _ended(result: Result) -> str:
    if not result.exit_code and result.outcome in (Outcome.COMPLETED, Outcome.FAILED):
        return "the code ended its own interpreter"
    return result.summary


def _name(result: Result) -> str:
    if result.outcome is Outcome.INTERRUPTED:
        return "KeyboardInterrupt"  # as everywhere
    return "SystemExit" if result.outcome in (Outcome.COMPLETED, Outcome.FAILED) else result.outcome.name


def of_error(error: SandboxError) -> Failure:
    """Return what an error of ours says, where nothing was run."""
    return Failure(
        name=type(error).__name__,
        message=error.what,
        traceback=tuple(error._render_traceback_()),
        error=error,
    )


def of_interrupt() -> Failure:
    """Return what a cell says that was stopped before its sandbox had started."""
    return Failure(name="KeyboardInterrupt", message=_STOPPED_EARLY, traceback=(f"sandbox: {_STOPPED_EARLY}",))


def of_bug(error: Exception) -> Failure:
    """Return what a cell says of a mistake of ours: it failed, whatever the code did."""
    what = f"sandbox_magic failed: {type(error).__name__}: {label(str(error), 200)}"
    return Failure(name="SandboxError", message=what, traceback=(f"sandbox: {what}",))
