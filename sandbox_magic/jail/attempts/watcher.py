"""The host's side of a run whose attempts are listed: starts the process that takes the notices, and asks it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sandbox_magic.guest import wire
from sandbox_magic.jail.attempts import calls, filters

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

_START_SECONDS = 30.0
_TELL_SECONDS = 5.0
_MOST_BYTES = 64 * 2**20  # of an account: 2,000 rows of two names
_LOAD = "import sys; sys.path.append(sys.argv[1]); from attempts.supervisor import main; main()"


class NotWatched(Exception):  # noqa: N818 - reads as what it says
    """The kernel, or what this process may do, allows no watching here."""


class Watcher:
    """What watches one sandbox.

    Args:
        own: Where the environment's own files are, as the sandbox sees them.
        home: The directory in which the code starts.

    Attributes:
        reported: A socket that becomes readable when the other process ends, which ends the run.
        line: The sandbox's end of the socket that lives while it parks.
    """

    def __init__(self, own: Sequence[str], home: str) -> None:
        machine = os.uname().machine
        numbers = calls.NUMBERS[machine]
        own_end, theirs = socket.socketpair()
        ours, line = socket.socketpair()
        self.reported: socket.socket = own_end
        self.line: socket.socket = line
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)  # before anything is sent: who says it is told then
        flags = " ".join(map(str, filters.LISTENER_FLAGS)).encode()
        words = (b"%d" % numbers["seccomp"], b"%d" % numbers["unshare"], flags, filters.watching(machine))
        ours.send(wire.pack(*words))
        folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        numbered = (str(ours.fileno()), str(theirs.fileno()))
        command = (sys.executable, "-I", "-S", "-c", _LOAD, folder, *numbered, home, *own)
        self._told: dict[str, Any] | None = None
        try:
            with ours, theirs:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
                    pass_fds=(ours.fileno(), theirs.fileno()), start_new_session=True,
                )  # fmt: skip
        except BaseException:
            self.line.close()
            self.reported.close()
            raise

    def lend(self, theirs: ExitStack) -> int:
        """Return the descriptor of the sandbox's end, which is closed here with its others."""
        theirs.callback(self.line.close)
        return self.line.fileno()

    def wait_until_watching(self) -> None:
        """Wait until a call of the cell's process has arrived here.

        Raises:
            NotWatched: None can.
        """
        self.reported.settimeout(_START_SECONDS)
        said = b""
        with suppress(OSError):
            said = self.reported.recv(4096)
        if said != b"watching":
            raise NotWatched(said.removeprefix(b"no ").decode("utf-8", "replace") or "what watches has ended")

    @property
    def alive(self) -> bool:
        """Whether it still watches."""
        return self._process.poll() is None

    def begin(self) -> None:
        """What comes from now on is the cell's.

        Raises:
            BrokenPipeError: It does not watch any more.
        """
        said = b""
        with suppress(OSError):
            self.reported.send(b"begin", socket.MSG_NOSIGNAL)
            said = self.reported.recv(16)
        if said != b"begun":
            raise BrokenPipeError

    def finish(self) -> dict[str, Any] | None:
        """Return the account, once everything in the sandbox is dead or dying; None if what watched has ended."""
        data = bytearray()
        try:
            self.reported.settimeout(_TELL_SECONDS)
            self.reported.send(b"end", socket.MSG_NOSIGNAL)
            while (piece := self.reported.recv(2**20)) and len(data) < _MOST_BYTES:
                data += piece
            return dict(json.loads(data)) if data else None
        except (OSError, ValueError):
            return None

    def close(self) -> None:
        """End it; the sandbox is gone."""
        self.line.close()
        self.reported.close()
        self._process.kill()
        self._process.wait()
