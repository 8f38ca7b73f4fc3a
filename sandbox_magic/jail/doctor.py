"""What this machine can enforce, found by trying it, and the remedy for the rest."""

from __future__ import annotations

import getpass
import os
import platform
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sandbox_magic.jail.isolation import ATTEMPTS
from sandbox_magic.jail.network import NetworkJoiner
from sandbox_magic.jail.sandbox import Sandbox
from sandbox_magic.jail.view import overlay
from sandbox_magic.jail.view.run_directory import RunDirectory
from sandbox_magic.model.errors import SandboxError, SandboxUnavailable
from sandbox_magic.model.forwards import Forward
from sandbox_magic.model.policy import Policy
from sandbox_magic.safe_import import shadow, shadow_warning

if TYPE_CHECKING:
    from sandbox_magic.jail.view.identity import Identity
    from sandbox_magic.model.isolation import Isolation


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What was found.

    Attributes:
        ok: Whether a sandbox could be started.
        machine: Operating system, kernel, user and Python.
        isolation: What is in force in a sandbox of the policy asked about; None if there is none.
        error: Why there is none.
        park_seconds: How long the start took.
        passed_over: Stronger kinds of control group that did not work here, each with the reason.
        workspace: What a workspace would be.
        not_joined: Why ``--net`` can open nothing here; empty where it can.
        not_watched: Why ``--trace`` can list nothing here; empty where it can.
        shadow: A file of the working directory that would be imported in our place; empty if there is none.
    """

    ok: bool
    machine: str
    isolation: Isolation | None = None
    error: SandboxError | None = None
    park_seconds: float | None = None
    passed_over: tuple[str, ...] = ()
    workspace: str = ""
    not_joined: str = ""
    not_watched: str = ""
    shadow: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return it as plain values, for JSON."""
        error = self.error and {"what": self.error.what, "seen": self.error.seen, "remedy": self.error.remedy}
        return {
            "ok": self.ok,
            "machine": self.machine,
            "isolation": self.isolation and self.isolation.as_dict(),
            "error": error,
            "park_seconds": self.park_seconds,
            "passed_over": list(self.passed_over),
            "workspace": self.workspace,
            "not_joined": self.not_joined,
            "not_watched": self.not_watched,
            "shadow": self.shadow,
        }

    def __str__(self) -> str:
        """Return it for a person."""
        machine = f"machine: {self.machine}"
        warning = [f"warning: {shadow_warning()}"] if self.shadow else []
        if self.isolation is None:
            return "\n".join(
                ["no sandbox can be started here; nothing will be run", str(self.error), machine, *warning]
            )
        weaker = ", ".join(f"{guard.name} ({guard.strength})" for guard in self.isolation.weaker)
        lines = [
            "a sandbox can be started here; "
            + (f"not enforced for the run as a whole: {weaker}" if weaker else "all of it is enforced"),
            machine,
            f"bubblewrap: {self.isolation.bwrap}",
            "in force:",
            str(self.isolation),
        ]
        lines += ["also readable inside:", *(f"  {path}" for path in self.isolation.shared)]
        lines += [f"a workspace would be: {self.workspace}"] if self.workspace else []
        lines += [f"--net: {self.not_joined or 'can let the code connect to the hosts that it names'}"]
        lines += [f"--trace: {self.not_watched or 'can list what the code tries'}"]
        lines += ["not used:", *(f"  {reason}" for reason in self.passed_over)] if self.passed_over else []
        return "\n".join([*lines, *warning])


def diagnose(policy: Policy | None = None) -> Diagnosis:
    """Start a sandbox, look, and end it. Never raises for what the machine lacks."""
    policy = policy or Policy()
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    machine = f"{system}, user {_user()}, Python {platform.python_version()}"
    try:
        sandbox = Sandbox.park(policy)
    except SandboxError as error:
        return Diagnosis(ok=False, machine=machine, error=error, shadow=shadow())
    except OSError as error:
        unforeseen = SandboxUnavailable("no sandbox could be started, so nothing was run", seen=str(error))
        return Diagnosis(ok=False, machine=machine, error=unforeseen, shadow=shadow())
    try:
        return Diagnosis(
            ok=True,
            machine=machine,
            isolation=sandbox.describe(policy.limits),
            park_seconds=sandbox.park_seconds,
            passed_over=sandbox.group.reasons,
            workspace=_workspace(sandbox.identity),
            not_joined=_not_joined(sandbox),
            not_watched=_not_watched(policy),
            shadow=shadow(),
        )
    finally:
        sandbox.close()


def _not_joined(sandbox: Sandbox) -> str:
    """Try to make a listening socket inside."""
    try:
        (listener,) = NetworkJoiner((Forward(host="sandbox.test"),), sandbox.identity).listen(sandbox.pid)
    except SandboxUnavailable as error:
        return error.seen
    except OSError as error:
        return str(error)
    listener.close()
    return ""


def _not_watched(policy: Policy) -> str:
    """Try to have a sandbox watched."""
    try:
        sandbox = Sandbox.park(replace(policy, trace=True, preload=()))
    except (SandboxError, OSError) as error:
        return f"no sandbox can be watched here: {error}"
    try:
        guard = sandbox.describe(policy.limits)[ATTEMPTS]
        return "" if guard.strength == "enforced" else f"{guard.words} ({guard.mechanism}). It needs {guard.remedy}"
    finally:
        sandbox.close()


def _workspace(identity: Identity) -> str:
    """Try how a directory of the user would be shown, with one in the temporary directory."""
    directory = RunDirectory(identity.uid)
    try:
        here, owner = os.stat(directory.path), (os.geteuid(), os.getegid())
        lower = overlay.Lower(path=directory.path, device=here.st_dev, inode=here.st_ino, owner=owner)
        return str(overlay.choose(lower, directory, 2**20, identity))
    finally:
        directory.remove()


def _user() -> str:
    try:
        return f"{getpass.getuser()} ({os.geteuid()})"
    except (KeyError, OSError):
        return str(os.geteuid())
