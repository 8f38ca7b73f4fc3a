"""cgroup v2 through systemd: the user's own, which most ordinary users have, or for root the system's.

One delegated scope for this process, held open by a tiny process that ends with this one; a leaf
in it for each run. Where we are outside the user's slice (a login by SSH, a system service) we may
not move a process there, but the manager may: it is asked to, once a run (about 5 ms).

A leaf below our own unit would be simpler, and wrong: systemd stops a whole service in which
anything ran out of memory (``OOMPolicy=stop``); a delegated scope it leaves alone.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from sandbox_magic.jail.cgroup import v2
from sandbox_magic.jail.cgroup.base import PREFIX
from sandbox_magic.jail.cgroup.files import read

if TYPE_CHECKING:
    from sandbox_magic.model.policy import Limits

_START_SECONDS = 5.0
_MANAGER = (
    "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
)  # fmt: skip


class ScopedGroup(v2.Group2):
    """One leaf of our scope."""

    tier = "cgroup v2 by systemd"

    def __init__(self, limits: Limits, scope: Scope) -> None:
        self._scope = scope
        super().__init__(limits, scope.path)

    def add(self, pid: int) -> None:
        """Move a process into it, ourselves or by the manager."""
        try:
            super().add(pid)
        except PermissionError:
            self._scope.attach(pid, os.path.basename(self.path))


class Scope:
    """A delegated scope, with a process in it that holds it open.

    Attributes:
        path: Its directory.

    Raises:
        OSError: There is no systemd to ask, or it refuses.
    """

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._name = f"{PREFIX}{os.getpid()}-{os.urandom(3).hex()}.scope"
        # It ends when the pipe to it does, however we end.
        self._anchor = subprocess.Popen(
            ["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, cwd="/", env={},
        )  # fmt: skip
        try:
            self.path: str = self._start()
        except BaseException:
            self.close()
            raise
        atexit.register(self.close)

    def _start(self) -> str:
        pid = self._anchor.pid
        _call("StartTransientUnit", "ssa(sv)a(sa(sv))", self._name, "fail", "2",
              "PIDs", "au", "1", str(pid), "Delegate", "b", "true", "0")  # fmt: skip
        deadline = time.monotonic() + _START_SECONDS
        while not (own := read(f"/proc/{pid}/cgroup").strip().rpartition("::")[2]).endswith(self._name):
            if time.monotonic() > deadline:
                msg = f"systemd did not start {self._name} in {_START_SECONDS:g} seconds"
                raise TimeoutError(msg)
            time.sleep(0.002)
        path = v2.unified(own)
        v2.empty(path)
        v2.enable(path)
        return path

    @property
    def usable(self) -> bool:
        """Whether it is still there and belongs to this process."""
        return self._owner == os.getpid() and self._anchor.poll() is None and os.path.isdir(self.path)

    def attach(self, pid: int, leaf: str) -> None:
        """Have the manager move a process into a leaf.

        Raises:
            OSError: It refuses.
        """
        _call("AttachProcessesToUnit", "ssau", self._name, f"/{leaf}", "1", str(pid))

    def close(self) -> None:
        """Let it go; systemd removes it with all that is below."""
        if self._owner == os.getpid() and self._anchor.stdin is not None:
            with suppress(OSError):
                self._anchor.stdin.close()
            self._anchor.wait()


_scopes: list[Scope] = []


def make(limits: Limits) -> ScopedGroup:
    """Make a leaf in this process's scope; the scope is started with the first.

    Raises:
        OSError: There is no systemd, or it refuses.
    """
    if not _scopes or not _scopes[0].usable:
        _scopes[:] = [Scope()]
    return ScopedGroup(limits, _scopes[0])


def _call(method: str, *arguments: str) -> None:
    """Call the manager over D-Bus: the system's for root, else the user's.

    Raises:
        OSError: It can't be reached, or refuses.
    """
    program = shutil.which("busctl", path="/usr/bin:/bin")
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}"
    environment = {"PATH": "/usr/bin:/bin"}
    if os.geteuid() == 0:
        which, private = "--system", "/run/systemd/private"
    else:
        which, private = "--user", f"{runtime}/systemd/private"
        environment["XDG_RUNTIME_DIR"] = runtime
        environment["DBUS_SESSION_BUS_ADDRESS"] = (
            os.environ.get("DBUS_SESSION_BUS_ADDRESS") or f"unix:path={runtime}/bus"
        )
    if program is None or not os.path.exists(private):
        msg = "no systemd runs here for this user"
        raise OSError(msg)
    done = subprocess.run(
        [program, which, "--quiet", "call", *_MANAGER, method, *arguments],
        stderr=subprocess.PIPE, text=True, env=environment, timeout=30, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode != 0:
        msg = f"systemd refuses {method}: {done.stderr.strip()}"
        raise OSError(msg)
