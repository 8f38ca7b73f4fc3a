"""The two seccomp filters of a run whose attempts are listed.

An older filter's error hides a call from a newer filter's listener. So the one that bwrap loads (A) lets through what
is refused and worth naming, and the one that the cell's process loads before "go" (B) hands that to the listener,
beside the calls that are watched. Both are made from the same description, so that what A lets through is what B takes:
together they refuse what `filters/MACHINE.bpf` refuses alone. A also lets B be loaded, and B lets no second one be.
"""

from __future__ import annotations

import struct

from . import calls

TOKENS = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}  # AUDIT_ARCH_*
ALLOW, NOTIFY, ERRNO = 0x7FFF_0000, 0x7FC0_0000, 0x0005_0000  # SECCOMP_RET_*
LISTENER_FLAGS = (0x28, 0x8)
"""NEW_LISTENER with and without WAIT_KILLABLE_RECV (Linux 5.19), without which a signal repeats a notice."""

_LOAD, _AND, _RETURN, _EQUAL, _JUMP = 0x20, 0x54, 0x06, 0x15, 0x05
_NUMBER, _ARCHITECTURE = 0, 4
_SET_MODE_FILTER = 1
_SOCKET_FLAGS = 0x0F | 0o2000000 | 0o4000  # SOCK_CLOEXEC, SOCK_NONBLOCK; any other is an error of the filter's own
_NEW_NAMESPACES = 0x7E02_0080  # CLONE_NEW*, as in the table (`seccomp_calls`)
_UNIX, _INET, _INET6, _NETLINK, _RAW = 1, 2, 10, 16, 3

_Code = list[tuple[int, str, str, int]]  # as `struct sock_filter`, with labels; "" is what follows


def passing(machine: str, program: bytes) -> bytes:
    """Return filter A: it lets through what B takes, and else does what a program does."""
    code = _described(machine, {})
    return _assembled([*code, ("named", [(_RETURN, "", "", ALLOW)]), ("seccomp", [(_RETURN, "", "", ALLOW)])]) + program


def watching(machine: str) -> bytes:
    """Return filter B."""
    numbers = calls.NUMBERS[machine]
    code = _described(machine, {name: numbers[name] for name in calls.WATCHED if name in numbers})
    ends: list[tuple[str, _Code]] = [
        ("seccomp", [(_RETURN, "", "", ERRNO | calls.EPERM)]),
        ("named", [(_RETURN, "", "", NOTIFY)]),
        ("rest", [(_RETURN, "", "", ALLOW)]),
    ]
    return _assembled([*code, *ends])


def _described(machine: str, watched: dict[str, int]) -> list[tuple[str, _Code]]:
    """Return what leads to ``named``, to ``seccomp`` where a listener is asked for, and else to ``rest``."""
    numbers = calls.NUMBERS[machine]
    plain = {numbers[name] for name in (*calls.REFUSED, *calls.ABSENT) if name in numbers}
    plain |= {number for name, number in watched.items() if name != "sendto"}
    start: _Code = [
        (_LOAD, "", "", _ARCHITECTURE),
        (_EQUAL, "", "rest", TOKENS[machine]),
        (_LOAD, "", "", _NUMBER),
        *((_EQUAL, "named", "", number) for number in sorted(plain)),
        *((_EQUAL, "sendto", "", number) for number in (watched.get("sendto"),) if number is not None),
        (_EQUAL, "socket", "", numbers["socket"]),
        (_EQUAL, "clone", "", numbers["clone"]),
        (_EQUAL, "asks", "rest", numbers["seccomp"]),
    ]
    sendto: _Code = [_low(4), (_EQUAL, "", "named", 0), _low(4, half=4), (_EQUAL, "rest", "named", 0)]
    socket: _Code = [
        _low(1),
        (_AND, "", "", ~_SOCKET_FLAGS & 0xFFFF_FFFF),
        (_EQUAL, "", "rest", 0),
        _low(0),
        *((_EQUAL, "rest", "", family) for family in (_UNIX, _NETLINK)),
        *((_EQUAL, "internet", "", family) for family in (_INET, _INET6)),
        (_JUMP, "named", "", 0),
    ]
    internet: _Code = [_low(1), (_AND, "", "", 0xF), (_EQUAL, "named", "rest", _RAW)]
    clone: _Code = [_low(0), (_AND, "", "", _NEW_NAMESPACES), (_EQUAL, "rest", "named", 0)]
    asks: _Code = [
        _low(0),
        (_EQUAL, "", "rest", _SET_MODE_FILTER),
        _low(1),
        *((_EQUAL, "seccomp", "", flags) for flags in LISTENER_FLAGS),
        (_JUMP, "rest", "", 0),
    ]
    own = [("sendto", sendto)] if "sendto" in watched else []
    return [("", start), *own, ("socket", socket), ("internet", internet), ("clone", clone), ("asks", asks)]


def _low(argument: int, *, half: int = 0) -> tuple[int, str, str, int]:
    return (_LOAD, "", "", 16 + 8 * argument + half)


def _assembled(blocks: list[tuple[str, _Code]]) -> bytes:
    """Lay the blocks one after the other; ``rest`` is what comes behind them, unless it is one of them."""
    places: dict[str, int] = {}
    length = 0
    for name, code in blocks:
        places[name] = length
        length += len(code)
    places.setdefault("rest", length)
    program = [instruction for _, code in blocks for instruction in code]

    def distance(label: str, at: int) -> int:
        return places[label] - at - 1 if label else 0

    return b"".join(
        struct.pack("<HBBI", code, 0, 0, distance(true, at))
        if code == _JUMP
        else struct.pack("<HBBI", code, distance(true, at), distance(false, at), operand)
        for at, (code, true, false, operand) in enumerate(program)
    )
