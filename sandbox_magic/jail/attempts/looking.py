"""Looks into a process of the sandbox that waits in a system call: the names it gave, and what is there for it."""

from __future__ import annotations

import ctypes
import os
import re
import struct
from contextlib import suppress

PATH_MAX = 4096
HIDDEN = b"(a name that it hid)"
_PAGE = 4096
_PIECE = 256  # most names are shorter
_OPENAT2 = 437
_IN_ROOT = 0x10 | 0x02  # RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS
_MOST_MEMORIES = 64
_MOST_LINKS = 40  # as the kernel follows
_ROOT = re.compile(r"/proc/(?:self|thread-self|\d+)(?:/task/\d+)?/root(?![^/])")
_OWN = re.compile(r"(?:/proc/(?:self|thread-self)(?:/task/\d+)?|/dev)/(cwd|fd/\d+)(?=/)")
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long


def system_call(number: int, *arguments: int | bytes) -> int:
    """Make a system call that Python has no name for.

    Raises:
        OSError: It failed.
    """
    given = [ctypes.c_char_p(each) if isinstance(each, bytes) else ctypes.c_long(each) for each in arguments]
    result = int(_LIBC.syscall(ctypes.c_long(number), *given))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


class _Vector(ctypes.Structure):
    """`struct iovec`."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class Looking:
    """Looks."""

    def __init__(self) -> None:
        self._root = -1
        self._memories: dict[int, int] = {}

    def enter(self, pid: int) -> None:
        """Know the sandbox by the process that will run the cell: its root directory is that of all."""
        self._root = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def forget(self) -> None:
        """Forget whose memory is whose: a process becomes another program."""
        for memory in self._memories.values():
            os.close(memory)
        self._memories.clear()

    def read(self, pid: int, address: int, size: int) -> bytes:
        """Return so many bytes of a process's memory, or as many of them as can be read."""
        memory = self._memories.get(pid, -1)
        try:
            if memory < 0:
                memory = self._open(pid)
            if data := os.pread(memory, size, address):
                return data
            data = os.pread(self._open(pid), size, address)  # that process was another
        except (OSError, OverflowError):
            data = b""
        return data or _read_undumpable(pid, address, size)

    def _open(self, pid: int) -> int:
        if (old := self._memories.pop(pid, -1)) >= 0:
            os.close(old)
        if len(self._memories) >= _MOST_MEMORIES:
            self.forget()
        self._memories[pid] = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        return self._memories[pid]

    def name(self, pid: int, address: int) -> bytes:
        """Return a name as it is in a process's memory."""
        try:  # most names end in the first piece of a process that was looked at before
            piece = os.pread(self._memories[pid], _PIECE, address)
        except (KeyError, OSError, OverflowError):
            piece = b""
        if (length := piece.find(0)) >= 0:
            return piece[:length]
        found = b""
        while len(found) < PATH_MAX:
            at = address + len(found)
            piece = self.read(pid, at, min(_PIECE, _PAGE - at % _PAGE))
            if not piece:
                return HIDDEN
            head, end, _ = piece.partition(b"\0")
            found += head
            if end:
                return found[:PATH_MAX]
        return found[:PATH_MAX]

    def address(self, pid: int, address: int, length: int) -> tuple[int, bytes]:
        """Return the family of a socket's address, and the address for a person; 0 for none."""
        data = self.read(pid, address, min(length, 128)) if address else b""
        return parsed(data)

    def message(self, pid: int, address: int) -> tuple[int, bytes]:
        """Return the same of a `struct msghdr`."""
        data = self.read(pid, address, 16)
        if len(data) < 16:  # noqa: PLR2004 - msg_name and msg_namelen
            return 0, b""
        name, length = struct.unpack_from("<QI", data)
        return self.address(pid, name, length)

    def place(self, pid: int, directory: int, name: bytes) -> str:
        """Return where a name leads, links left alone; empty where that is not known.

        Args:
            pid: The process.
            directory: The descriptor that the name is relative to; negative for its working directory.
            name: The name.
        """
        path = os.fsdecode(name)
        if not path.startswith("/"):
            where = _read_link(pid, "cwd" if directory < 0 else f"fd/{directory}")
            if not where:
                return ""
            path = os.path.join(where, path)
        for _ in range(_MOST_LINKS):
            for each in (path, _normal(path)):  # in "cwd/.." the link comes first, in "fd/../root" the dots
                if found := _ROOT.match(each):
                    path = each[found.end() :] or "/"
                    break
                if found := _OWN.match(each):
                    where = _read_link(pid, found[1])
                    path = where + each[found.end() :] if where else ""
                    break
            else:
                break
        return _normal(path) if path[:1] == "/" and "\0" not in path else ""

    def is_there(self, place: str) -> bool:
        """Return whether it is there, as seen from the sandbox's root; nothing is opened."""
        how = struct.pack("<QQQ", os.O_PATH | os.O_CLOEXEC, 0, _IN_ROOT)
        with suppress(OSError):
            os.close(system_call(_OPENAT2, self._root, os.fsencode(place), how, len(how)))
            return True
        return False

    @staticmethod
    def process_name(pid: int) -> bytes:
        """Return the name that a process gives itself."""
        try:
            with open(f"/proc/{pid}/comm", "rb") as file:
                return file.read(64).strip()
        except OSError:
            return b""


def _normal(path: str) -> str:
    """Return an absolute path without empty components, dots, and the double slash that normpath() leaves."""
    return f"/{os.path.normpath(path).lstrip('/')}"


def _read_link(pid: int, what: str) -> str:
    """Return where a process's working directory or a descriptor is; empty where that is not known."""
    try:
        return os.readlink(f"/proc/{pid}/{what}")
    except OSError:
        return ""


def _read_undumpable(pid: int, address: int, size: int) -> bytes:
    """Read as the owner of its user namespace may, where the file is not ours to open."""
    buffer = ctypes.create_string_buffer(size)
    ours = _Vector(ctypes.addressof(buffer), size)
    theirs = _Vector(address, size)
    count = _LIBC.process_vm_readv(pid, ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0)
    return buffer.raw[: max(0, count)]


def parsed(data: bytes) -> tuple[int, bytes]:
    """Return the family of a socket's address, and the address for a person."""
    import socket

    if len(data) < 2:  # noqa: PLR2004 - the family
        return 0, b""
    family = int.from_bytes(data[:2], "little")
    if family == socket.AF_UNIX:
        path = data[2:]
        return family, b"@" + path[1:].rstrip(b"\0") if path[:1] == b"\0" else path.partition(b"\0")[0]
    for inet, first, size, form in ((socket.AF_INET, 4, 4, "{}:{}"), (socket.AF_INET6, 8, 16, "[{}]:{}")):
        if family == inet and len(data) >= first + size:
            host = socket.inet_ntop(inet, data[first : first + size])
            return family, form.format(host, int.from_bytes(data[2:4], "big")).encode()
    return family, b""
