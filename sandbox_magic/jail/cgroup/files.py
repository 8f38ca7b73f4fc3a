"""The files of the cgroup file systems: read, set, and where they are mounted."""

from __future__ import annotations

import functools
import os

_PIECE_BYTES = 64 * 1024


def members(path: str) -> list[int]:
    """Return the processes of a group."""
    return [int(pid) for pid in read(f"{path}/cgroup.procs").split()]


def read(path: str) -> str:
    """Read a file of a cgroup file system whole; without Python's own files, which take twice as long."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pieces = []
        while piece := os.read(descriptor, _PIECE_BYTES):
            pieces.append(piece)
        return b"".join(pieces).decode()
    finally:
        os.close(descriptor)


def write(path: str, value: object) -> None:
    """Set a file of a cgroup file system by one system call, so that the kernel's answer is for all of it.

    Raises:
        OSError: The kernel refuses.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, str(value).encode())
    finally:
        os.close(descriptor)


def table(path: str) -> dict[str, int]:
    """Read a file of lines ``name number``."""
    return {name: int(value) for name, _, value in (line.partition(" ") for line in read(path).splitlines())}


def own(controller: str) -> str:
    """Return this process's own path in the hierarchy of a controller; ``""`` names the unified one.

    Raises:
        OSError: It is in none.
    """
    for line in read("/proc/self/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        if controller in names.split(","):
            return path
    msg = f"there is no hierarchy of {controller or 'cgroup v2'}"
    raise OSError(msg)


@functools.cache  # a third of a millisecond for every run; what is mounted does not change under it
def mounts() -> list[tuple[str, str, str, frozenset[str]]]:
    """Return the mounted cgroup file systems: mount point, root within it, type, options (the controllers of v1)."""
    found = []
    for line in read("/proc/self/mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ")[:3]
        if kind in ("cgroup", "cgroup2"):
            root, point = left.split(" ")[3:5]
            found.append((point.encode().decode("unicode_escape"), root, kind, frozenset(options.split(","))))
    return found
