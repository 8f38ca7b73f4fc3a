"""Where a run has its sandbox from, and what becomes of it afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sandbox_magic.jail.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox_magic.jail.view.overlay import Lower
    from sandbox_magic.model.policy import Policy


class Lease(Protocol):
    """A sandbox for one run."""

    def acquire(self, policy: Policy, lower: Lower | None, meanwhile: Callable[[], None] | None) -> Sandbox:
        """Return a sandbox that is parked with this policy; arguments and errors as for `Sandbox.park`."""

    def release(self, sandbox: Sandbox, patience: float | None) -> None:
        """Take it back when the run is over; arguments as for `Sandbox.close`."""


class Cold:
    """A sandbox that is started for the run and ends with it."""

    def acquire(self, policy: Policy, lower: Lower | None, meanwhile: Callable[[], None] | None) -> Sandbox:
        """Start one."""
        return Sandbox.park(policy, meanwhile, lower=lower)

    def release(self, sandbox: Sandbox, patience: float | None) -> None:
        """End it."""
        sandbox.close(patience)
