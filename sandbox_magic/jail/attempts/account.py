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

    Row = dict[str, Any]
    Seen = tuple[Row, bool]  # and whether this call writes

MOST_ROWS = 2_000
MOST_OPENS = 1_800  # of the rows, so that no number of names hides a connection
_MOST_KNOWN = 10_000
_AF_UNIX, _AF_INET, _AF_INET6 = 1, 2, 10
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

# Of every program: the loader's, the C library's, and what it tells of itself.
_ORDINARY = (
    b"/etc/ld.so.", b"/etc/nsswitch.conf", b"/etc/localtime", b"/etc/gai.conf", b"/etc/host.conf", b"/etc/mime.types",
    b"/etc/resolv.conf",
    b"/etc/fonts/", b"/etc/ssl/openssl.cnf", b"/etc/OpenCL/", b"/etc/python3", b"/etc/protocols", b"/etc/services",
    b"/usr/lib/", b"/usr/lib64/", b"/lib/", b"/lib64/", b"/usr/share/", b"/usr/local/lib/", b"/usr/local/share/",
    b"/proc/self/maps", b"/proc/self/stat", b"/proc/self/fd", b"/proc/self/mountinfo",
    b"/proc/self/cgroup", b"/proc/cpuinfo", b"/proc/meminfo", b"/proc/stat", b"/proc/sys/", b"/proc/filesystems",
    b"/sys/devices/system/", b"/sys/fs/cgroup", b"/sys/kernel/mm/", b"/dev/null", b"/dev/urandom", b"/dev/random",
    b"/dev/shm/", b"/dev/tty", b"/dev/pts/", b"/dev/ptmx", b"/sandbox/", b"/var/run/nscd/", b"/run/nscd/",
    b"/run/uuidd/", b"/usr/X11", b"/home/sandbox/.fonts", b"/home/sandbox/.local/share/fonts",
)  # fmt: skip

# What libraries write for themselves: semaphores, caches of fonts, a clock; and a session which of its copies to end.
_UPKEEP = (
    b"/dev/null", b"/dev/tty", b"/dev/shm/sem.", b"/var/cache/fontconfig/", b"/var/lib/libuuid/",
    b"/home/sandbox/.cache/fontconfig/", b"/home/sandbox/.cache/matplotlib/", b"/home/sandbox/.fontconfig/",
    b"/proc/self/oom_score_adj",
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
        self._packages = tuple(path for path in self._own if path.endswith((b"/site-packages/", b"/dist-packages/")))
        self._rows: dict[tuple[str, bytes], Row] = {}
        self._ordinary: Row = {"first": 0.0, "count": 0}
        self._known: dict[tuple[bytes, bool], Seen] = {}  # of the opens that have a row: most calls are such
        self._began = time.monotonic()
        self.more: int = 0

    def begin(self) -> None:
        """Begin anew: what came before has been told, or was no cell's."""
        self._rows.clear()
        self._known.clear()
        self._ordinary["count"] = self.more = 0
        self._began = time.monotonic()
        self._look.forget()

    def see(self, pid: int, name: str, arguments: Sequence[int]) -> Seen | None:
        """Return what a call is about, for `count`, while its process waits; None for nothing.

        Args:
            pid: The process.
            name: The call.
            arguments: Its arguments.
        """
        if name in calls.OPENS:  # as most are, so this way is the short one
            first, flags = calls.OPENS[name]
            target = self._look.name(pid, arguments[first])
            writes = arguments[flags] & _WRITES != 0
            return self._known.get((target, writes)) or self._see_open(pid, name, arguments, target, writes=writes)
        if name not in calls.WATCHED:
            return self._row("call", name.encode()), False
        kind, first, _ = calls.WATCHED[name]
        if kind in ("connect", "send"):
            return self._see_address(pid, name, arguments)
        target = self._look.name(pid, arguments[first])
        if name == "openat2":  # its flags are in memory
            flags = int.from_bytes(self._look.read(pid, arguments[2], 8), "little")
            return self._see_open(pid, name, arguments, target, writes=flags & _WRITES != 0)
        return self._see_name(pid, name, arguments, target), name in calls.WRITES

    def _see_open(self, pid: int, name: str, arguments: Sequence[int], target: bytes, *, writes: bool) -> Seen:
        own = not writes and (self._is_own(target) or self._lies_in_own(pid, name, arguments, target))
        row = self._ordinary if own else self._see_name(pid, name, arguments, target)
        if row["count"] and target[:1] == b"/" and len(self._known) < _MOST_KNOWN:  # others lead elsewhere next time
            self._known[target, writes] = row, writes
        return row, writes

    def _has_room(self, kind: str) -> bool:
        return len(self._rows) < (MOST_OPENS if kind == "open" else MOST_ROWS)

    def _row(self, kind: str, target: bytes) -> Row:
        """Return the row of something, or one that will be its."""
        return self._rows.get((kind, target)) or {"kind": kind, "target": target, "count": 0, "writes": False}

    def _see_name(self, pid: int, name: str, arguments: Sequence[int], target: bytes) -> Row:
        kind, _, directory = calls.WATCHED[name]
        if kind == "run":
            self._look.forget()
        if name == "execveat" and not target:  # a descriptor is run
            target = b"/proc/self/fd/%d" % _signed(arguments[0])
        whole, upkeep = target, kind != "run" and _is_upkeep(target)
        if name in calls.SECOND:
            second, its_directory = calls.SECOND[name]
            into = self._look.name(pid, arguments[second])
            whole += b" -> " + into
            upkeep = upkeep and _is_upkeep(into)
        if upkeep:
            return self._ordinary
        row = self._row(kind, whole)
        if not row["count"] and self._has_room(kind):
            place = self._place(pid, arguments, directory, target)
            if name in calls.SECOND:
                row["into"] = self._place(pid, arguments, its_directory, into)
                if name.startswith("symlink"):  # what is in a link is relative to where it lies
                    beside = os.path.dirname(row["into"])
                    place = os.path.normpath(os.path.join(beside, os.fsdecode(target))) if beside else ""
            row |= {"place": place, "there": bool(place) and self._look.is_there(place)}
        return row

    def _place(self, pid: int, arguments: Sequence[int], directory: int, name: bytes) -> str:
        return self._look.place(pid, _signed(arguments[directory]) if directory >= 0 else -1, name)

    def _is_own(self, target: bytes) -> bool:
        if target.startswith(self._packages):  # where no link leads out, and "numpy/../numpy.libs" is usual
            target = os.path.normpath(target)
        if target.startswith(b"/proc/self/fd/") and b"/" in target[len(b"/proc/self/fd/") :]:
            return False  # it leads through a directory that is open
        return (target == self._home or (target + b"/").startswith(self._own)) and b"/../" not in target

    def _lies_in_own(self, pid: int, name: str, arguments: Sequence[int], target: bytes) -> bool:
        directory = calls.WATCHED[name][2]
        if target[:1] == b"/" or directory < 0 or _signed(arguments[directory]) < 0:
            return False
        place = os.fsencode(self._place(pid, arguments, directory, target))
        return place != self._home and self._is_own(place)

    def _see_address(self, pid: int, name: str, arguments: Sequence[int]) -> Seen | None:
        kind, first, _ = calls.WATCHED[name]
        if name in ("sendmsg", "sendmmsg"):
            family, target = self._look.message(pid, arguments[first])
        else:
            family, target = self._look.address(pid, arguments[first], arguments[first + 1] & 0xFFFF_FFFF)
        if family not in (_AF_UNIX, _AF_INET, _AF_INET6) or not target:
            return None
        if family == _AF_UNIX and target.startswith(self._own):
            return self._ordinary, False
        row = self._row(kind, target)
        row["family"] = family
        if family == _AF_UNIX and not row["count"]:
            place = "" if target.startswith(b"@") else self._look.place(pid, -1, target)
            row |= {"place": place, "there": bool(place) and self._look.is_there(place)}
        return row, False

    def count(self, pid: int, seen: Seen) -> None:
        """Count what `see` returned, once it has been answered."""
        row, writes = seen
        now = time.monotonic() - self._began
        if not row["count"] and row is not self._ordinary:
            if not self._has_room(row["kind"]):
                self.more += 1
                return
            self._rows[row["kind"], row["target"]] = row
            row["first"] = now
            row["process"] = self._look.process_name(pid).decode("utf-8", "replace")
        row["count"] += 1
        row["last"] = now
        if writes:
            row["writes"] = True

    def told(self) -> dict[str, Any]:
        """Return the account as plain JSON types."""
        rows = [{**row, "target": os.fsdecode(row["target"])} for row in self._rows.values()]
        return {"rows": rows, "ordinary": self._ordinary["count"], "more": self.more}


def _is_upkeep(target: bytes) -> bool:
    return target.startswith(_UPKEEP) and b"/../" not in target


def _signed(value: int) -> int:
    """Return an argument as the int that the kernel takes it for."""
    value &= 0xFFFF_FFFF
    return value - 2**32 if value >= 2**31 else value
