"""The system-call filter of a sandbox: how its table is written down, and its compiled form.

The kernel facility is seccomp(2), mode FILTER.  People read and change the table, `seccomp_calls.py`;
`tools/compile_seccomp.py` turns it into `filters/MACHINE.bpf` and a test compares the two, so that
nothing at run time needs libseccomp or reads the table.  bwrap loads the program through
`--seccomp FD`, after its own set-up and just before the guest starts.

Whatever the table does not allow is answered, never killed, because code that probes must go on:

* EPERM for a call that exists and is refused (also for refused arguments);
* EOPNOTSUPP for the calls in `UNSUPPORTED`, as a file system without the feature answers;
* ENOSYS where a library then falls back by itself: the calls in `ABSENT`, every number after
  `LAST_NUMBER` (so a newer libc behaves as on an older kernel), the numbers in `UNUSED`, the x32
  calls, and every call of another architecture (`int 0x80`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sandbox_magic.model.errors import SandboxUnavailable

MACHINES = ("x86_64", "aarch64")
"""The architectures a filter is compiled for, as `uname -m` names them."""

LOW_32_BITS = 0xFFFF_FFFF
"""The kernel cuts an `int` argument down to these before it looks, so the filter does too: compared
in full, TIOCSTI with a high bit set would pass (CVE-2019-10063, CVE-2023-1523)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Calls that are allowed with any arguments, for one reason.

    Attributes:
        why: Who needs them, and why they are harmless where that isn't plain.
        calls: Their names; a name that an architecture doesn't have is skipped there.
    """

    why: str
    calls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bits:
    """A condition on one argument: `argument & mask == value`.

    Attributes:
        argument: Its position, from 0.
        value: What the masked argument must be.
        mask: The bits that are looked at.
    """

    argument: int
    value: int
    mask: int = LOW_32_BITS


def group(why: str, calls: str) -> Group:
    """Return the calls that are named in a text."""
    return Group(why=why, calls=tuple(calls.split()))


@cache
def load(machine: str | None = None) -> bytes:
    """Return the compiled filter for `bwrap --seccomp FD`.

    Args:
        machine: The architecture as `uname -m` names it; this machine's if None.

    Returns:
        An array of `struct sock_filter`, little-endian, 8 bytes each.

    Raises:
        SandboxUnavailable: There is no filter for the architecture, or its file is missing or cut.
    """
    machine = machine or os.uname().machine
    if machine not in MACHINES:
        raise SandboxUnavailable(
            "There is no system call filter for this architecture.",
            seen=machine,
            remedy=f"a machine that is one of: {', '.join(MACHINES)}",
        )
    path = Path(__file__).with_name("filters") / f"{machine}.bpf"
    remedy = "pip install --force-reinstall sandbox-magic"
    try:
        program = path.read_bytes()
    except OSError as error:
        raise SandboxUnavailable("The system call filter cannot be read.", seen=str(error), remedy=remedy) from error
    if not program or len(program) % 8:
        raise SandboxUnavailable(
            "The system call filter is damaged.", seen=f"{path}: {len(program)} bytes", remedy=remedy
        )
    return program
