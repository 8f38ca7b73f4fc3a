"""The process that has what watches ready: it is started once, and forks for each sandbox that is to be watched.

Started as ``python -I -S -c ... FOLDER SERVER`` (`forker`), with the number of a socket of packets. Each brings the
paths of a sandbox, and the three sockets of `supervisor`. It ends when the host does.
"""

from __future__ import annotations

import array
import gc
import json
import os
import signal
import socket
import sys
from contextlib import suppress

from . import supervisor

_MOST_BYTES = 2**20  # of the paths
_SOCKETS = 3


def main() -> None:
    """Serve until the host has gone."""
    server = socket.socket(fileno=int(sys.argv[2]))
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))  # the thread that parks spares has less
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps them
    gc.disable()  # nothing here has circles
    while True:
        paths, given = _receive(server)
        if not paths:
            return
        if os.fork() == 0:
            server.close()
            home, *own = json.loads(paths)
            line, report, words = (socket.socket(fileno=each) for each in given)
            try:
                supervisor.main(line, report, words, home, own)
            finally:
                os._exit(0)
        for each in given:
            os.close(each)


def _receive(server: socket.socket) -> tuple[bytes, array.array[int]]:
    """Return the next order; nothing where the host has gone."""
    given = array.array("i")
    paths, extra, _, _ = server.recvmsg(
        _MOST_BYTES, socket.CMSG_SPACE(_SOCKETS * given.itemsize), socket.MSG_CMSG_CLOEXEC
    )
    for level, kind, data in extra:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            given.frombytes(data)
    return paths, given
