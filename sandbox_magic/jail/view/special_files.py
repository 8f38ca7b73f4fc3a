"""Sockets, FIFOs and devices below what is shared: a read-only bind does not keep a cell from using them.

A cell that runs as the caller's own user may connect to the caller's sockets wherever it sees
them, so they are masked. Looked at are the entries of the search path that lie outside of the
Python environment itself: a project's folder, where a database or ``git fsmonitor`` has its socket.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_ENTRIES = 20_000  # some 20 ms; a larger tree is looked at that far
FRESH_SECONDS = 60.0  # how long an answer holds

_found: dict[str, tuple[float, tuple[str, ...]]] = {}


def below(directories: Iterable[str], *, except_for: Iterable[str], fresh: float = FRESH_SECONDS) -> tuple[str, ...]:
    """Return the paths of what is neither a file, a directory nor a link, links not followed.

    Args:
        directories: Where to look.
        except_for: Directories not to go into.
        fresh: How old an answer may be.
    """
    left_out = frozenset(except_for)
    found: list[str] = []
    for directory in directories:
        when, paths = _found.get(directory, (0.0, ()))
        if not when or time.monotonic() - when > fresh:
            paths = tuple(_look(directory, left_out))
            _found[directory] = (time.monotonic(), paths)
        found += (path for path in paths if os.path.lexists(path))  # what has gone can't be masked, and needs not be
    return tuple(dict.fromkeys(found))


def _look(directory: str, left_out: frozenset[str]) -> list[str]:
    found: list[str] = []
    waiting, seen = [directory], 0
    while waiting and seen < MOST_ENTRIES:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                seen += 1
                if entry.is_dir(follow_symlinks=False):
                    if entry.path not in left_out:
                        waiting.append(entry.path)
                elif not entry.is_file(follow_symlinks=False) and not entry.is_symlink():
                    found.append(entry.path)
    return found
