"""Where a run has its sandbox from, and what becomes of it afterwards."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, cast

from sandbox_magic.jail import pool
from sandbox_magic.jail.fingerprint import fingerprint
from sandbox_magic.jail.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox_magic.jail.fingerprint import Fingerprint
    from sandbox_magic.jail.session import SessionSandbox
    from sandbox_magic.jail.view.overlay import Lower
    from sandbox_magic.model.policy import Policy


class Lease(Protocol):
    """A sandbox for one run."""

    def acquire(self, policy: Policy, lower: Lower | None, meanwhile: Callable[[], None] | None) -> Sandbox:
        """Return a sandbox that is parked with this policy; arguments and errors as for `Sandbox.park`."""

    def release(self, sandbox: Sandbox) -> None:
        """Take it back when the run is over."""


class Cold:
    """A sandbox that is started for the run and ends with it."""

    def acquire(self, policy: Policy, lower: Lower | None, meanwhile: Callable[[], None] | None) -> Sandbox:
        """Start one."""
        return Sandbox.park(policy, meanwhile, lower=lower)

    def release(self, sandbox: Sandbox) -> None:
        """End it."""
        sandbox.close_behind()


class Warm:
    """A spare if one fits, else a sandbox that is started for the run; afterwards the next spare is parked."""

    def __init__(self) -> None:
        self._wanted: tuple[Fingerprint, Policy, Lower | None] | None = None

    def acquire(self, policy: Policy, lower: Lower | None, meanwhile: Callable[[], None] | None) -> Sandbox:
        """Take or start one."""
        began = time.monotonic()
        sandbox = None
        with suppress(OSError):  # something is short; the start of a sandbox says what
            fits = fingerprint(policy, lower)
            self._wanted = fits, policy, lower
            sandbox = pool.spares.take(fits)
        if sandbox is None:
            return Sandbox.park(policy, meanwhile, lower=lower)
        sandbox.park_seconds = time.monotonic() - began
        return sandbox

    def release(self, sandbox: Sandbox) -> None:
        """End it, and have the next one parked."""
        sandbox.close_behind()
        if self._wanted is not None:
            pool.spares.want(*self._wanted)
            self._wanted = None


class Kept:
    """The sandbox of a session: started for its first cell, and there for the next ones.

    Attributes:
        sandbox: The sandbox, once there is one.
    """

    def __init__(self) -> None:
        self.sandbox: SessionSandbox | None = None

    def acquire(self, policy: Policy, lower: Lower | None, meanwhile: Callable[[], None] | None) -> Sandbox:
        """Return it, or start it where there is none that lives."""
        if meanwhile is not None:
            meanwhile()
        if not self.alive:
            ended = self.sandbox is not None  # by itself; one that was closed is forgotten
            self.close()
            began = time.monotonic()
            sandbox = pool.spares.start(policy, lower)
            sandbox.park_seconds = time.monotonic() - began
            sandbox.begun_anew = ended
            self.sandbox = cast("SessionSandbox", sandbox)
            with suppress(OSError):
                pool.spares.want(fingerprint(policy, lower), policy, lower)
        elif self.sandbox is not None:
            self.sandbox.park_seconds = 0.0
            self.sandbox.begun_anew = False
        return cast("Sandbox", self.sandbox)

    @property
    def alive(self) -> bool:
        """Whether there is one that lives."""
        return self.sandbox is not None and not self.sandbox.ended

    def release(self, sandbox: Sandbox) -> None:
        """Leave it as it is."""

    def close(self) -> None:
        """End it."""
        sandbox, self.sandbox = self.sandbox, None
        if sandbox is not None:
            sandbox.close_behind()
