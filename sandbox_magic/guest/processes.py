"""What PID 1 does to the other processes of the sandbox: signals, ends and reaps them, and asks /proc how they are."""

from __future__ import annotations

import _signal
import os
import time

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

DUMP_SIGNAL = _signal.SIGRTMAX - 1  # at a time limit: write where the code is, and end
WAKE_SIGNAL = _signal.SIGRTMAX - 2  # for a snapshot: go on
SOONEST_SECONDS, LONGEST_SECONDS = 0.0002, 0.01  # between two looks whether something has ended
LEAVE_SECONDS = 0.05  # for what ends by itself when the cell has: a pipe of the cell's closes, say
# In the commands of what multiprocessing and joblib start for themselves; it ends when a pipe of the cell's has closed,
# which may take it longer than that.
_ENDING = (b"resource_tracker", b"multiprocessing.forkserver", b"popen_loky")


def end_others(due: float | None, *, leave: bool) -> int:
    """Kill and reap what the cell left running, but wait no longer than until then; return how many that were.

    The kernel may need seconds to end a process with very many mappings, which never gets back to its own code.

    Args:
        due: A moment of `time.monotonic`; None for no bound.
        leave: Whether they may end by themselves first.
    """
    if _wait(time.monotonic() + LEAVE_SECONDS * leave):
        return 0
    stopped = sum(map(_is_left, listed()))
    send(os.kill, -1, _signal.SIGKILL)
    _wait(due)
    return stopped


def end_all_but(kept: Collection[int], due: float) -> None:
    """Kill all processes but these, which are left stopped, and wait until the others are gone, but no longer.

    Nothing can be started meanwhile: a process that has got a signal does not fork.

    Args:
        kept: Process ids.
        due: A moment of `time.monotonic`.
    """
    send(os.kill, -1, _signal.SIGSTOP)
    if not listed():  # the code has taken every open file that the machine has
        send(os.kill, -1, _signal.SIGKILL)
    names = {str(pid) for pid in kept}
    pause = SOONEST_SECONDS
    while others := [name for name in listed() if name not in names and state(name) not in (b"", b"Z", b"X")]:
        for name in others:
            send(os.kill, int(name), _signal.SIGKILL)
        if time.monotonic() >= due:
            return
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_SECONDS)


def alive(pids: Iterable[int]) -> list[int]:
    """Return those that have not ended."""
    return [pid for pid in pids if state(str(pid)) not in (b"", b"Z", b"X")]


def listed() -> list[str]:
    """Return the names in /proc; none where the code has taken every open file that the machine has (file-max)."""
    try:
        return os.listdir("/proc")
    except OSError:
        return []


def _wait(due: float | None) -> bool:
    """Wait until all others have ended, but no longer than until then; return whether they have."""
    pause = SOONEST_SECONDS
    while not all_reaped():
        if due is not None and time.monotonic() >= due:
            return False
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_SECONDS)
    return True


def all_reaped() -> bool:
    """Reap what has ended; return whether there is nothing left to end."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return True
    return False


def _is_left(name: str) -> bool:
    return state(name) not in (b"", b"Z", b"X") and not _is_ending(name)


def _is_ending(name: str) -> bool:
    try:
        with open("/proc/%s/cmdline" % name, "rb") as line:
            command = line.read(4096)
    except OSError:
        return True
    return not command or any(each in command for each in _ENDING)  # without memory it has no command either


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
