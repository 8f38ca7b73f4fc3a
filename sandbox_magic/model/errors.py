"""The errors a caller can meet: one base, and a kind for each thing to do next.

How untrusted code ends is never an error; it is an `Outcome` in a `Result`.
"""

from __future__ import annotations


class SandboxError(Exception):
    """The base of every error of this package.

    Args:
        what: What failed, in one sentence.
        seen: What was seen when it failed (a program's own words).
        remedy: The command or option that fixes it.
    """

    def __init__(self, what: str, *, seen: str = "", remedy: str = "") -> None:
        self.what = what
        self.seen = seen
        self.remedy = remedy
        parts = [what, f"Seen: {seen}" if seen else "", f"Try: {remedy}" if remedy else ""]
        super().__init__("\n".join(part for part in parts if part))

    def _render_traceback_(self) -> list[str]:
        """Return the lines that IPython shows instead of a traceback."""
        return [f"sandbox: {line}" for line in str(self).splitlines()]

    def __reduce__(self) -> tuple[object, ...]:
        """Return what pickle needs to pass it between processes as a whole."""
        return _rebuilt, (type(self), self.what, self.seen, self.remedy)


def _rebuilt(kind: type[SandboxError], what: str, seen: str, remedy: str) -> SandboxError:
    return kind(what, seen=seen, remedy=remedy)


class PolicyError(SandboxError, ValueError):
    """An option or a policy asks for something that makes no sense."""


class SandboxUnavailable(SandboxError, RuntimeError):  # noqa: N818 - the name is the agreed interface
    """No sandbox could be started, so nothing ran."""


class StoppedEarly(KeyboardInterrupt):
    """A person stopped a cell before its sandbox had started, so nothing ran."""

    def _render_traceback_(self) -> list[str]:
        """Return the line that IPython shows instead of a traceback."""
        return ["sandbox: stopped by you before it started; nothing was run"]
