"""PID 1 of the sandbox: parks, hands over the cell, holds the deadline, reaps, reports.

It is started as ``python3 start.py TOKEN SETUP CONTROL REPORT CELL DISPLAY COUNTER FILES LINE DOOR...`` with the
numbers of descriptors. The host's words come in on CONTROL, PID 1's own words go out on REPORT, and the cell's
process never holds either; it gets its cell on CELL, which only it reads. What the cell has to show and to ask
goes out on DISPLAY, a socket, where the answers come back. COUNTER is the control group's count of CPU time,
FILES a pipe on which files come out, LINE a socket by which the host comes to watch (`attempts`); -1 stands for
none. Through the DOORs the cell's process joins its control group, before it waits for its cell; SETUP says how it is
prepared for that (`parking.Setup`).

The process that will run the cell is forked before anything else, so that what PID 1 loads for
itself is not in it. Then PID 1 makes itself undumpable: no other process of the sandbox can read
its memory or environment, trace it or take its descriptors, and the kernel drops every signal
that has its default action when it comes from inside (pid_namespaces(7)).

A cold cell waits for all of this, so the C modules below ``signal`` and ``ctypes`` are used: they
are built in, where their Python halves cost 8 ms to import.
"""

from __future__ import annotations

import os
import sys

from . import parking, runner, watch


def main() -> None:
    """Park; then either become the cell or watch it to its end."""
    setup = parking.Setup(sys.argv[2])  # by the first, the token, the host finds us
    control, report, start, display, counter, files, line, *doors = map(int, sys.argv[3:])
    said_read, said = os.pipe()
    begin, begin_write = os.pipe()
    cell = os.fork()
    if cell == 0:
        runner.main(start, display, said, begin, line, doors, setup)
    elif setup.snapshots is None:
        watch.Watch(cell, control, report, said_read, begin_write, counter, files, setup).run()
    else:
        from . import session_watch

        session_watch.SessionWatch(cell, control, report, said_read, begin_write, counter, files, setup).serve(begin)
