"""What /proc shows of one process's memory: proc_pid_status(5), proc_pid_smaps(5)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_STATUS = re.compile(
    rb"^(VmHWM|VmRSS|VmPTE|VmSwap|HugetlbPages|Threads):\s+(\d+)", re.MULTILINE
)  # a name has no newline
_EXITING = 0x4  # PF_EXITING of Linux' sched.h, in the ninth field of proc_pid_stat(5)
_SHARES = re.compile(rb"^(?:Pss|SwapPss):\s+(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A process, as anyone may read it.

    Attributes:
        threads: How many it has.
        resident_bytes: What it has mapped and in memory, and in swap; pages that it shares in full.
        most_bytes: The most of it that was in memory so far, swap left out.
        table_bytes: Its page tables, which are in no other figure: a page of tables for each 2 MiB that it has
            touched, though all of them show the same page of zeros.
        huge_bytes: Pages of the reserved pool, which are not in ``resident_bytes``.
    """

    threads: int
    resident_bytes: int
    most_bytes: int
    table_bytes: int
    huge_bytes: int


def status(pid: int) -> Status:
    """Read the status of a process; a zombie has no memory.

    Raises:
        OSError: It has ended.
    """
    with open(f"/proc/{pid}/status", "rb") as file:
        found = {name: int(number) for name, number in _STATUS.findall(file.read())}
    return Status(
        threads=found.get(b"Threads", 0),
        resident_bytes=(found.get(b"VmRSS", 0) + found.get(b"VmSwap", 0)) * 1024,
        most_bytes=found.get(b"VmHWM", 0) * 1024,
        table_bytes=found.get(b"VmPTE", 0) * 1024,
        huge_bytes=found.get(b"HugetlbPages", 0) * 1024,
    )


def proportional_bytes(pid: int) -> int:
    """Read a process's share of what it has mapped, in memory and in swap; the kernel walks each page for it.

    Raises:
        PermissionError: It may not be read so closely.
        OSError: It has ended.
    """
    with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
        return sum(map(int, _SHARES.findall(file.read()))) * 1024


def is_ending(pid: int) -> bool:
    """Return whether a process is on its way out or dead, so that its memory is no longer its code's."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, *rest = file.read().rpartition(b")")[2].split()
    except OSError:
        return True
    return state in (b"Z", b"X") or bool(int(rest[5]) & _EXITING)
