"""The process that is kept: it is started once, and forks for each order.

Started as ``python -I -S -c ... FOLDER SERVER`` (`forker`), with the number of a socket of packets. Each brings the
name of a module with a ``main``, the words for it, and its sockets. It ends when the host does.
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
from importlib import import_module

_MOST_BYTES = 2**20  # of the words
_MOST_SOCKETS = 8


def main() -> None:
    """Serve until the host has gone."""
    server = socket.socket(fileno=int(sys.argv[2]))
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))  # the thread that parks spares has less
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps them
    gc.disable()  # nothing here has circles
    while True:
        order, given = _receive(server)
        if not order:
            return
        module, *words = json.loads(order)
        program = import_module(module)  # here, so that the next one has it already
        if os.fork() == 0:
            server.close()
            try:
                program.main(*(socket.socket(fileno=each) for each in given), *words)
            finally:
                os._exit(0)
        for each in given:
            os.close(each)


def _receive(server: socket.socket) -> tuple[bytes, array.array[int]]:
    """Return the next order; nothing where the host has gone."""
    given = array.array("i")
    order, extra, _, _ = server.recvmsg(
        _MOST_BYTES, socket.CMSG_SPACE(_MOST_SOCKETS * given.itemsize), socket.MSG_CMSG_CLOEXEC
    )
    for level, kind, data in extra:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            given.frombytes(data)
    return order, given
