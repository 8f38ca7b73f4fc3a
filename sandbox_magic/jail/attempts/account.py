"""What was tried, bounded: each thing once with how often, and its own environment's files only counted."""

from __future__ import annotations

import os
import time

from . import calls

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .looking import Looking

MOST_ROWS = 2_000
_MOST_KNOWN = 10_000  # names that need not be compared with every prefix again
_AF_UNIX, _AF_INET, _AF_INET6 = 1, 2, 10
_HOUSEKEEPING = b"/proc/self/oom_score_adj"  # a session's process says there which of its copies to end first
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

# Of every program: the loader's, the C library's, and what it tells of itself.
_ORDINARY = (
    b"/etc/ld.so.", b"/etc/nsswitch.conf", b"/etc/localtime", b"/etc/gai.conf", b"/etc/host.conf", b"/etc/mime.types",
    b"/etc/resolv.conf",
    b"/etc/fonts/", b"/etc/ssl/openssl.cnf", b"/etc/OpenCL/", b"/etc/python3", b"/etc/protocols", b"/etc/services",
    b"/usr/lib/", b"/usr/lib64/", b"/lib/", b"/lib64/", b"/usr/share/", b"/usr/local/lib/", b"/usr/local/share/",
    b"/proc/self/maps", b"/proc/self/stat", b"/proc/self/fd", b"/proc/self/task", b"/proc/self/mountinfo",
    b"/proc/self/cgroup", b"/proc/cpuinfo", b"/proc/meminfo", b"/proc/stat", b"/proc/sys/", b"/proc/filesystems",
    b"/sys/devices/system/", b"/sys/fs/cgroup", b"/sys/kernel/mm/", b"/dev/null", b"/dev/urandom", b"/dev/random",
    b"/dev/shm/", b"/dev/tty", b"/dev/pts/", b"/dev/ptmx", b"/sandbox/", b"/var/run/nscd/", b"/run/nscd/",
)  # fmt: skip


class Account:
    """The account of one run.

    Args:
        looking: Looks into the sandbox's processes.
        home: The directory in which the code starts.
        own: Where its environment's files are.

    Attributes:
        more: How many calls were not looked at, or had no room.
    """

    def __init__(self, looking: Looking, home: str, own: Sequence[str]) -> None:
        self._look = looking
        self._home = os.fsencode(home)  # the import system lists it
        self._own = tuple(os.fsencode(path).rstrip(b"/") + b"/" for path in own) + _ORDINARY
        self._known_own: set[bytes] = set()
        self._rows: dict[tuple[str, bytes], dict[str, Any]] = {}
        self._began = time.monotonic()
        self._ordinary = 0
        self.more: int = 0

    def begin(self) -> None:
        """Begin anew: what came before has been told, or was no cell's."""
        self._rows.clear()
        self._ordinary = self.more = 0
        self._began = time.monotonic()
        self._look.forget()

    def see(self, pid: int, name: str, arguments: list[int]) -> tuple[str, bytes, dict[str, Any]] | None:
        """Return what a call is about, while its process waits: kind, target, what was found there; None for nothing.

        Args:
            pid: The process.
            name: The call.
            arguments: Its arguments.
        """
        if name not in calls.WATCHED:
            return "call", name.encode(), {}
        kind, first, directory = calls.WATCHED[name]
        if kind in ("connect", "send"):
            return self._see_address(pid, name, arguments)
        target = self._look.name(pid, arguments[first])
        writes = name in ("creat", "truncate") or bool(name in calls.FLAGS and arguments[calls.FLAGS[name]] & _WRITES)
        if kind == "open" and (target == _HOUSEKEEPING or (not writes and self._is_own(target))):
            self._ordinary += 1
            return None
        if kind == "run":
            self._look.forget()
        found: dict[str, Any] = {"writes": writes or kind == "remove" or name.startswith("rename")}
        whole = target
        if name in calls.SECOND:
            second, its_directory = calls.SECOND[name]
            into = self._look.name(pid, arguments[second])
            whole += b" -> " + into
        if (kind, whole) not in self._rows and len(self._rows) < MOST_ROWS:
            place = self._place(pid, arguments, directory, target)
            if name in calls.SECOND:
                found["into"] = self._place(pid, arguments, its_directory, into)
                if name.startswith("symlink"):  # what is in a link is relative to where it lies
                    beside = os.path.dirname(found["into"])
                    place = os.path.normpath(os.path.join(beside, os.fsdecode(target))) if beside else ""
            found |= {"place": place, "there": bool(place) and self._look.is_there(place)}
        return kind, whole, found

    def _place(self, pid: int, arguments: list[int], directory: int, name: bytes) -> str:
        return self._look.place(pid, _signed(arguments[directory]) if directory >= 0 else -1, name)

    def _is_own(self, target: bytes) -> bool:
        if target in self._known_own:
            return True
        own = (target == self._home or (target + b"/").startswith(self._own)) and b"/../" not in target
        if own and len(self._known_own) < _MOST_KNOWN:
            self._known_own.add(target)
        return own

    def _see_address(self, pid: int, name: str, arguments: list[int]) -> tuple[str, bytes, dict[str, Any]] | None:
        kind, first, _ = calls.WATCHED[name]
        if name in ("sendmsg", "sendmmsg"):
            family, target = self._look.message(pid, arguments[first])
        else:
            family, target = self._look.address(pid, arguments[first], arguments[first + 1] & 0xFFFF_FFFF)
        if family not in (_AF_UNIX, _AF_INET, _AF_INET6) or not target:
            return None
        if family == _AF_UNIX and target.startswith(self._own):
            self._ordinary += 1
            return None
        found: dict[str, Any] = {"family": family}
        if family == _AF_UNIX and (kind, target) not in self._rows:
            place = "" if target.startswith(b"@") else self._look.place(pid, -1, target)
            found |= {"place": place, "there": bool(place) and self._look.is_there(place)}
        return kind, target, found

    def count(self, pid: int, seen: tuple[str, bytes, dict[str, Any]]) -> None:
        """Count what `see` returned, once it has been answered."""
        kind, target, found = seen
        now = time.monotonic() - self._began
        row = self._rows.get((kind, target))
        if row is None:
            if len(self._rows) >= MOST_ROWS:
                self.more += 1
                return
            row = self._rows[kind, target] = {
                "first": now, "count": 0, "process": self._look.process_name(pid).decode("utf-8", "replace"), **found,
            }  # fmt: skip
        row["count"] += 1
        row["last"] = now
        row["writes"] = row.get("writes", False) or found.get("writes", False)

    def told(self) -> dict[str, Any]:
        """Return the account as plain JSON types."""
        rows = [{"kind": kind, "target": os.fsdecode(target), **row} for (kind, target), row in self._rows.items()]
        return {"rows": rows, "ordinary": self._ordinary, "more": self.more}


def _signed(value: int) -> int:
    """Return an argument as the int that the kernel takes it for."""
    value &= 0xFFFF_FFFF
    return value - 2**32 if value >= 2**31 else value
