"""What PID 1 does to the other processes of the sandbox: signals, ends and reaps them, and asks /proc how they are."""

from __future__ import annotations

import _signal
import os
import time

SOONEST_SECONDS, LONGEST_SECONDS = 0.0002, 0.01  # between two looks whether something has ended


def end_others(due: float | None) -> int:
    """Kill and reap what the cell left running, but wait no longer than until then; return how many that were.

    The kernel may need seconds to end a process with very many mappings, which never gets back to its own code.
    """
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return 0
    stopped = sum(map(_alive, os.listdir("/proc")))
    send(os.kill, -1, _signal.SIGKILL)
    pause = SOONEST_SECONDS
    while not all_reaped() and (due is None or time.monotonic() < due):
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_SECONDS)
    return stopped


def all_reaped() -> bool:
    """Reap what has ended; return whether there is nothing left to end."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return True
    return False


def _alive(name: str) -> bool:
    return state(name) not in (b"", b"Z", b"X")


def state(name: str) -> bytes:
    """Return the state of a process by its number as /proc lists it; nothing for PID 1 and for what is none."""
    if not name.isdigit() or name == "1":
        return b""
    try:
        with open("/proc/%s/stat" % name, "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0]
    except OSError:
        return b""


def send(kill: object, pid: int, number: int) -> None:
    """Send a signal by os.kill or os.killpg, if there is still a process to get it."""
    try:
        kill(pid, number)  # type: ignore[operator] # one of the two
    except OSError:  # it has just ended
        return
