"""Has this process and all that it starts watched: loads the second filter, and lets the host take its listener.

Nothing untrusted has run in this process yet. No descriptor is sent: the host takes the listener out of this process,
so that the only socket which brings it words, closed here before there is a cell, brings it nothing else.
"""

from __future__ import annotations

import os
import struct
import sys

from . import wire


def begin(line: int) -> None:
    """Load the filter that comes in on a socket, and wait until the host watches; end this process if it can't.

    Args:
        line: The socket. The first frame has the numbers of ``seccomp`` and ``unshare``, the flags to try, the filter.
    """
    import _ctypes

    frame = wire.read(line)
    if frame is None:
        os._exit(1)
    seccomp, unshare, flags, program = int(frame[0]), int(frame[1]), frame[2].split(), frame[3]

    class Pointer(_ctypes._SimpleCData):  # type: ignore[type-arg] # noqa: SLF001 - as ctypes itself does
        _type_ = "z"

    call = _ctypes.dlsym(_ctypes.dlopen(None, 0), "syscall")  # type: ignore[arg-type] # None is this program itself
    kept = Pointer(program)
    given = struct.pack("<H6x", len(program) // 8) + bytes(memoryview(kept))  # struct sock_fprog
    listener = -1
    for word in flags:
        if listener < 0:
            listener = _ctypes.call_function(call, (seccomp, 1, int(word), Pointer(given)))
    os.write(line, b"%d" % listener)
    if not os.read(line, 1):
        os._exit(1)
    os.close(listener)
    os.close(line)
    if _ctypes.call_function(call, (unshare, 0)) != -1:  # it does nothing, and is refused; the host waits for it
        os._exit(1)
    sys.modules.pop("_ctypes", None)  # as in a process that is not watched
