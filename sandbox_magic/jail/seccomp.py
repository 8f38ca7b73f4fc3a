"""The system-call filter of a sandbox: how its table is written down, and its compiled form.

The kernel facility is seccomp(2), mode FILTER.  People read and change the table: `seccomp_calls.py`
has the calls; `seccomp_commands.py`, `seccomp_options.py` and `seccomp_flags.py` have what may stand in
an argument that chooses what a call does.  `tools/compile_seccomp.py` turns them into
`filters/MACHINE.bpf` and a test compares, so that nothing at run time needs libseccomp or reads the
table.  bwrap loads the program through `--seccomp FD`, after its own set-up and just before the guest
starts.

Everything is a list of what is allowed.  What the table does not name is answered, never killed,
because code that probes must go on:

* EPERM for a call that exists and is refused, and for a command or flag that is refused on purpose,
  unless libraries probe for it: then as the next;
* for a command or flag that the table does not name, what a kernel answers that is too old to know it
  (EINVAL; ENOTTY for ioctl, ENOPROTOOPT for a socket option), so that what a later kernel adds is
  absent until it has been reviewed.  open, mmap and sendmsg of an old kernel ignore flags that
  they don't know; a filter can't, and refuses them;
* what makes a caller go on by itself for the calls in `ANSWERED`: EOPNOTSUPP, EINVAL or ENOSYS;
* ENOSYS too for every number after `LAST_NUMBER` (so a newer libc behaves as on an older kernel), the
  numbers in `UNUSED`, the x32 calls, and every call of another architecture (`int 0x80`).
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sandbox_magic.model.errors import SandboxUnavailable

MACHINES = ("x86_64", "aarch64")
"""The architectures a filter is compiled for, as `uname -m` names them."""

LOW_32_BITS = 0xFFFF_FFFF
"""The kernel cuts an `int` argument down to these before it looks, so the filter does too: compared
in full, TIOCSTI with a high bit set would pass (CVE-2019-10063, CVE-2023-1523).  An `unsigned long`
is compared in full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Calls for which the same is true, for one reason.

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
        mask: The bits that are compared.
    """

    argument: int
    value: int
    mask: int = LOW_32_BITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Values of an argument, for one reason.

    Attributes:
        why: Who uses them, or why they are refused.
        named: Each by the name that the headers have for it; a range where the name stands for many.
        answer: The errno that they get; 0 lets the call go on.
        machine: The one architecture that has them; empty for all.
    """

    why: str
    named: tuple[tuple[str, range], ...]
    answer: int = 0
    machine: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An argument that chooses what a call does: a command, or a word of flags.

    Attributes:
        calls: The calls that have it.
        argument: Its position, from 0.
        values: The values that have been reviewed; no number is in two of them.
        otherwise: The errno for every other value.
        flags: Whether the values are flags, which can be combined; else the argument is one of them.
        mask: The bits that choose.
        wide: Whether the kernel reads 64 bits, so that the upper 32 must be zero.
        only: When it is checked: the value of another argument that gives it this meaning; None for always.
    """

    calls: tuple[str, ...]
    argument: int
    values: tuple[Values, ...]
    otherwise: int = errno.EINVAL
    flags: bool = False
    mask: int = LOW_32_BITS
    wide: bool = False
    only: Bits | None = None


def group(why: str, calls: str) -> Group:
    """Return the calls that are named in a text."""
    return Group(why=why, calls=tuple(calls.split()))


def allowed(why: str, named: str, *, machine: str = "") -> Values:
    """Return values that are allowed, from a text of `NAME=NUMBER` and `NAME=FIRST..LAST`."""
    return Values(why=why, named=_named(named), machine=machine)


def refused(why: str, named: str, *, answer: int = errno.EPERM) -> Values:
    """Return values that are answered with an errno, from a text as `allowed` takes it."""
    return Values(why=why, named=_named(named), answer=answer)


def _named(text: str) -> tuple[tuple[str, range], ...]:
    return tuple((name, _range(numbers)) for name, _, numbers in (word.partition("=") for word in text.split()))


def _range(text: str) -> range:
    first, _, last = text.partition("..")
    return range(int(first, 0), int(last or first, 0) + 1)


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
