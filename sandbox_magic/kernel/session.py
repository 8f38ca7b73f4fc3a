"""The kernel's one session: made with the first cell, under a policy that a notebook can only tighten."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from sandbox_magic.execution.drive import View, drive
from sandbox_magic.execution.session import Session
from sandbox_magic.kernel.configuration import PER_CELL, VARIABLE, tightened, usual_workspace
from sandbox_magic.model import options as _options
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.policy import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sandbox_magic.execution.run import Run
    from sandbox_magic.model.attempts import Attempts
    from sandbox_magic.model.policy import Policy
    from sandbox_magic.untrusted.workspace.changes import Changes

_KEYWORDS = {option.field: option.keyword for option in _options.OPTIONS if option.scope == "limits"}


class KernelSession:
    """A session, and the policy for it.

    Args:
        read: Returns the policy; raises `PolicyError` where what is configured makes no sense.
    """

    def __init__(self, read: Callable[[], Policy]) -> None:
        self._read = read
        self._policy: Policy | None = None
        self._session: Session | None = None
        self._starting: threading.Event | None = None  # when it has; see `BackgroundRun` for why no join()
        self._has_run = False

    @property
    def policy(self) -> Policy:
        """The policy so far.

        Raises:
            PolicyError: What is configured makes no sense.
        """
        if self._policy is None:
            self._policy = self._read()
        return self._policy

    @property
    def session(self) -> Session:
        """The session; made where there is none, which starts nothing. What `begin` does is awaited.

        Raises:
            PolicyError: What is configured makes no sense.
        """
        if self._starting is not None:
            self._starting.wait()  # where an interrupt comes meanwhile, the next cell waits for the rest
            self._starting = None
        if self._session is None:
            self._session = Session(policy=self.policy)
        return self._session

    def begin(self) -> None:
        """Start the sandbox on another thread, for the first cell not to wait; that cell says what is wrong."""
        started = threading.Event()

        def run_nothing(session: Session) -> None:
            try:
                with suppress(Exception):
                    drive(session.prepare("", {}), View())
            finally:
                started.set()

        with suppress(PolicyError):
            threading.Thread(target=run_nothing, args=(self.session,), daemon=True).start()
            self._starting = started

    def stream(self, source: str, *, number: int | None = None, at_most: float | None = None) -> Run:
        """Return a run of a cell, under the limits that are now for each cell.

        Args:
            source: The cell.
            number: Its execution count.
            at_most: Seconds that it may take, if that is less than its limit.

        Raises:
            PolicyError: What is configured makes no sense.
        """
        session, limits = self.session, self.policy.limits
        self._has_run = True
        options = {_KEYWORDS[field]: getattr(limits, field) for field in PER_CELL}
        if at_most is not None and (limits.wall_seconds is None or at_most < limits.wall_seconds):
            options["timeout"] = at_most
        return session.prepare(source, options, shows_error=False, number=number)

    def tighten(self, words: Sequence[str]) -> None:
        """Tighten limits, for the cells that follow.

        Raises:
            PolicyError: A limit would be looser; or it is one of the session as a whole, which has begun.
        """
        policy = tightened(self.policy, words)
        whole = [each.name for each in fields(Limits) if each.name not in PER_CELL]
        changed = [name for name in whole if getattr(policy.limits, name) != getattr(self.policy.limits, name)]
        if changed and self._has_run:
            names = ", ".join(_KEYWORDS[name].replace("_", "-") for name in changed)
            remedy = "that line in the first cell, or after %sandbox restart in a cell of its own"
            raise PolicyError(f"{names}: the session as a whole has it, and has begun", remedy=remedy)
        self._policy = policy
        if changed:
            self.close()

    def leave_folder(self) -> bool:
        """Go on without the notebook's folder, where it is shown because nothing else was said; return whether it was.

        It may be too large for this machine, and who opened a notebook there did not ask for it.
        """
        if not self.policy.workspace or self.policy.workspace != usual_workspace():
            return False
        self._policy = replace(self.policy, workspace="")
        self.close()
        return True

    def undo(self) -> None:
        """Go back to the state before the last cell.

        Raises:
            PolicyError: There is none to go back to.
        """
        try:
            self.session.undo()
        except RuntimeError as error:
            raise PolicyError("there is nothing to undo", seen=str(error)) from error

    def attempts(self) -> Attempts:
        """Return what the cells have tried, up to now.

        Raises:
            PolicyError: It is not listed; says why.
        """
        if not self.policy.trace:
            remedy = f"--trace in {VARIABLE}, or c.SandboxKernel.trace = True in a configuration file"
            raise PolicyError("what the cells try is not listed", remedy=remedy)
        attempts = self.session.attempts
        if attempts is None:
            raise PolicyError("there is no list of what the cells try", remedy="%sandbox isolation may say why")
        return attempts

    def changes(self) -> Changes:
        """Return what the cells have done to the files of the folder.

        Raises:
            PolicyError: There is nothing to return; says why.
        """
        try:
            return self.session.changes()
        except RuntimeError as error:
            raise PolicyError("there are no changes to show", seen=str(error)) from error

    def close(self) -> None:
        """End the session, if there is one; the next cell makes another."""
        if self._session is not None:
            self.session.close()
        self._session, self._has_run = None, False
