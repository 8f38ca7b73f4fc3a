"""The host's side of `forking`: one process for this one, started with the first run that needs it."""

from __future__ import annotations

import array
import atexit
import json
import os
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOAD = "import sys; sys.path.append(sys.argv[1]); from kept.forking import main; main()"


class Forker:
    """Has programs of ours run, each in a process that is forked for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = -1

    def fork(self, module: str, sockets: Sequence[socket.socket], *words: object) -> None:
        """Have a module's ``main`` called in a process of its own.

        Args:
            module: Its name below `sandbox_magic.jail`.
            sockets: What it is called with first; they may be closed here then.
            words: What it is called with next, as JSON has them.

        Raises:
            OSError: It can't be.
        """
        given = array.array("i", [each.fileno() for each in sockets])
        order = json.dumps([module, *words]).encode()
        extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, given)]
        with self._lock:
            if self._server is not None and self._owner == os.geteuid():
                try:
                    self._server.sendmsg([order], extra, socket.MSG_NOSIGNAL)
                except OSError:  # it has been ended
                    self._end()
                else:
                    return
            self._start().sendmsg([order], extra, socket.MSG_NOSIGNAL)

    def _start(self) -> socket.socket:
        self._end()
        folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        server, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = (sys.executable, "-I", "-S", "-c", _LOAD, folder, str(theirs.fileno()))
        try:
            with theirs:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
                    pass_fds=(theirs.fileno(),), start_new_session=True,
                )  # fmt: skip
        except BaseException:
            server.close()
            raise
        self._server, self._owner = server, os.geteuid()
        return server

    def _end(self) -> None:
        """End it; those that it has forked go on."""
        server, self._server = self._server, None
        process, self._process = self._process, None
        if server is not None:
            server.close()
        if process is not None:
            process.kill()
            process.wait()

    def close(self) -> None:
        """End it, with the process that it belongs to."""
        with self._lock:
            self._end()

    def forget(self) -> None:
        """Let go of it without ending it: this is a forked copy, and it is its parent's."""
        if self._server is not None:
            self._server.close()
        if self._process is not None:
            self._process.returncode = 0  # else it is missed when it is dropped here
        self.__init__()  # type: ignore[misc] # another thread of the parent may have held the lock


forker: Forker = Forker()
atexit.register(forker.close)
os.register_at_fork(after_in_child=forker.forget)
