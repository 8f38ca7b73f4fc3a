"""The sessions of a notebook, by name: ``%%sandbox --session NAME`` and what ``%sandbox`` does with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.languages import PYTHON
from sandbox_magic.model.options import BY_KEYWORD
from sandbox_magic.model.units import seconds, size
from sandbox_magic.safe_import import importing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sandbox_magic.execution.hint_facts import Known
    from sandbox_magic.execution.run import Run
    from sandbox_magic.execution.session import Session
    from sandbox_magic.model.attempts import Attempts
    from sandbox_magic.untrusted.workspace.changes import Changes

_OF_SESSION = ("limits", "policy")


class Sessions:
    """The sessions of a notebook."""

    def __init__(self) -> None:
        self._named: dict[str, Session] = {}

    def prepare(  # noqa: PLR0913 - what goes with a cell
        self,
        name: str,
        source: str | Path,
        defaults: Mapping[str, Any],
        given: Mapping[str, Any],
        *,
        undo: int,
        variable: Callable[[str], Known],
    ) -> Run:
        """Return a cell's run in a session, which begins with its first cell.

        Args:
            name: The session's.
            source: The cell, or a file.
            defaults: What is configured; of limits and what can be seen it counts when the session begins.
            given: The options of this cell.
            undo: How many cells a session that begins now can go back.
            variable: Tells what the notebook knows of a name, for a hint.

        Raises:
            PolicyError: An option makes no sense, or belongs to the session as a whole, which has begun.
        """
        if not name:
            msg = "option session: it needs a name"
            raise PolicyError(msg, remedy="--session work")
        whole = {**defaults, **given}
        session = self._named.get(name)
        if session is None:
            with importing():
                from sandbox_magic.execution.session import Session
            language = str(whole.get("language", PYTHON.name))
            session = Session(
                undo=undo,
                language=language,
                **{key: whole[key] for key in whole if BY_KEYWORD[key].scope in _OF_SESSION},
            )
        of_cell = {key: whole[key] for key in whole if key in given or BY_KEYWORD[key].scope == "run"}
        run = session.prepare(source, of_cell, variable=variable)
        self._named[name] = session
        return run

    def __iter__(self) -> Iterator[str]:
        """Yield their names."""
        return iter(self._named)

    def __getitem__(self, name: str) -> Session:
        """Return the session of that name.

        Raises:
            PolicyError: There is none.
        """
        if name not in self._named:
            known = ", ".join(self._named)
            msg = f"there is no session {name!r}"
            raise PolicyError(msg, remedy=f"one of {known}" if known else "%%sandbox --session NAME begins one")
        return self._named[name]

    def do(self, what: str, name: str) -> Changes | Attempts | None:
        """Stop, restart or undo a session, or return its changes or attempts.

        Raises:
            PolicyError: There is no session of that name, or it can't be done now.
        """
        if what == "attempts":
            return self._attempts(name)
        session = self[name]
        try:
            if what == "changes":
                return session.changes()
            if what == "undo":
                session.undo()
            elif what == "restart":
                session.reset()
            else:
                session.close()
                del self._named[name]
        except RuntimeError as error:
            raise PolicyError(str(error)) from None
        return None

    def _attempts(self, name: str) -> Attempts:
        """Return what a session's cells have tried so far.

        Args:
            name: The session's; empty for the only one whose attempts are listed.

        Raises:
            PolicyError: There is no such session, or its attempts are not listed.
        """
        listed = [each for each, session in self._named.items() if session.policy.trace]
        chosen = name or (listed[0] if len(listed) == 1 else "")
        if not chosen:
            msg = "which session's attempts?" if listed else "no session lists its attempts"
            raise PolicyError(
                msg, remedy=" or ".join(listed) or "%%sandbox --session NAME --trace begins one that does"
            )
        attempts = self[chosen].attempts
        if attempts is None and self[chosen].policy.trace:
            msg = f"session {chosen} has no list of attempts yet"
            raise PolicyError(
                msg, remedy="wait until its first cell has begun; or its isolation says why there is none"
            )
        if attempts is None:
            msg = f"session {chosen} lists no attempts"
            raise PolicyError(msg, remedy="--trace with the first cell of a session")
        return attempts

    def close(self) -> None:
        """End all."""
        for session in self._named.values():
            session.close()
        self._named.clear()

    def __str__(self) -> str:
        """Return a table: a line for each."""
        if not self._named:
            return "no session; %%sandbox --session NAME begins one"
        return "\n".join(f"{name:<16} {_state(session)}" for name, session in self._named.items())


def _state(session: Session) -> str:
    if not session.alive:
        return "no state; its next cell begins anew"
    memory = session.memory_bytes
    figures = [
        f"{session.cells} cells" if session.cells != 1 else "1 cell",
        *([] if memory is None else [f"{size(memory)} of {size(session.policy.limits.memory_bytes)}"]),
        f"begun {seconds(session.age_seconds)} ago",
    ]
    return ("running, " if session.running else "") + ", ".join(figures)
