"""What all cells of a session have tried, as a list for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox_magic.execution import attempts
from sandbox_magic.jail.view.host_lookup import Outside

if TYPE_CHECKING:
    from sandbox_magic.execution.loop import Loop
    from sandbox_magic.jail.attempts.tried import Tried
    from sandbox_magic.model.attempts import Attempts
    from sandbox_magic.model.policy import Policy

SessionTried = tuple["Tried", Outside]


def of(loop: Loop) -> SessionTried | None:
    """Return what is counted of the session in which a cell runs or ran; None if nothing is."""
    sandbox = loop.sandbox
    if sandbox is None or sandbox.tried is None:
        return None
    return sandbox.tried, Outside(sandbox.interpreter, loop.policy)


def listed(tried: SessionTried, policy: Policy) -> Attempts:
    """Return it up to now."""
    return attempts.listed(tried[0].whole(), tried[1], policy)
