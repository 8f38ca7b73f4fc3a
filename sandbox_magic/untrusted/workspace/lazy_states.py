"""Lazily computed file states of a directory that was listed but not read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping

from sandbox_magic.untrusted.workspace import openat
from sandbox_magic.untrusted.workspace.openat import Kind, State

FileSummary = tuple[Kind, int]  # the size is that of a file, else 0


def summarized(status: os.stat_result) -> FileSummary:
    """Return the kind of what is there, and the size of a file."""
    if stat.S_ISREG(status.st_mode):
        return "file", status.st_size
    return "directory" if stat.S_ISDIR(status.st_mode) else "link" if stat.S_ISLNK(status.st_mode) else "special", 0


class Unread(Mapping[str, State]):
    """The states of the files that a directory had.

    A file that has changed since compares unequal to everything, so no change is ever applied in its place.

    Args:
        directory: The directory.
        statuses: What was seen, by name.
    """

    def __init__(self, directory: str, statuses: Mapping[str, os.stat_result]) -> None:
        self._directory = directory
        self._stamps = {path: _stamp(status) for path, status in statuses.items()}
        self._known: dict[str, State] = {}

    def __getitem__(self, path: str) -> State:
        stamp = self._stamps[path]
        if path not in self._known:
            self._known[path] = self._now(path, stamp)
        return self._known[path]

    def _now(self, path: str, stamp: tuple[int, ...]) -> State:
        try:
            with openat.directory(self._directory) as root, openat.parent(root, path) as (here, name):
                before = os.stat(name, dir_fd=here, follow_symlinks=False)
                state = openat.state(here, name, before.st_size)
                after = os.stat(name, dir_fd=here, follow_symlinks=False)
        except OSError:
            state = None
        else:
            if state is not None and stamp == _stamp(before) == _stamp(after):
                return state
        return State(kind="special", digest=b"changed since")

    def __iter__(self) -> Iterator[str]:
        return iter(self._stamps)

    def __len__(self) -> int:
        return len(self._stamps)


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    """Return what changes when somebody changes it; a directory's time does when something in it does."""
    if stat.S_ISDIR(status.st_mode):
        return (status.st_mode,)
    return status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
