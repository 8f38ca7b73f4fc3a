"""Imports of our dependencies, never from the working directory.

A notebook's folder is on ``sys.path``, and it may hold a stranger's ``psutil.py``.
"""

from __future__ import annotations

import os
import sys
from _thread import RLock
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_lock = RLock()


@contextmanager
def importing() -> Iterator[None]:
    """Leave the working directory and relative entries out of ``sys.path`` while the block imports."""
    with _lock:
        before = sys.path
        here = _real(os.getcwd()) if _has_directory() else ""
        sys.path = [entry for entry in before if os.path.isabs(entry) and _real(entry) != here]
        try:
            yield
        finally:
            sys.path = before


def _has_directory() -> bool:
    try:
        os.getcwd()
    except OSError:  # it was deleted
        return False
    return True


def _real(path: str) -> str:
    return os.path.realpath(path)
