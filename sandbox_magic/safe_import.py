"""Imports of our dependencies, never from the working directory; and what would be imported there in our own place.

A notebook's folder is on ``sys.path``, and it may hold a stranger's ``psutil.py``, or ``sandbox_magic.py``.
"""

from __future__ import annotations

import os
import sys
from _thread import RLock
from contextlib import contextmanager
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_lock = RLock()


@contextmanager
def importing() -> Iterator[None]:
    """Leave the working directory and relative entries out of ``sys.path`` while the block imports."""
    with _lock:
        before = sys.path
        sys.path = elsewhere()
        try:
            yield
        finally:
            sys.path = before


def elsewhere() -> list[str]:
    """Return the entries of ``sys.path`` but the working directory and relative ones."""
    here = _real(os.getcwd()) if _has_directory() else ""
    return [entry for entry in sys.path if os.path.isabs(entry) and _real(entry) != here]


def _has_directory() -> bool:
    try:
        os.getcwd()
    except OSError:  # it was deleted
        return False
    return True


def _real(path: str) -> str:
    return os.path.realpath(path)


def shadow(directory: str = "") -> str:
    """Return the name of the file that ``import sandbox_magic`` would run in a directory in our place; empty if none.

    Args:
        directory: The directory; the working directory, if it is empty.
    """
    directory = directory or (os.getcwd() if _has_directory() else "")
    spec = PathFinder.find_spec("sandbox_magic", [directory]) if directory else None
    if spec is None or spec.origin is None:  # a directory without __init__.py comes behind every package
        return ""
    ours = os.path.join(os.path.dirname(__file__), "__init__.py")
    return "" if _real(spec.origin) == _real(ours) else os.path.relpath(spec.origin, directory)


def shadow_warning(directory: str = "", where: str = "this folder") -> str:
    """Return what a person should know of such a file; empty if there is none."""
    name = shadow(directory)
    what = f"{name} lies in {where}: in a notebook there, %load_ext and %reload_ext sandbox_magic would run that file"
    return f"{what}, not this package. Unless it is yours, delete it before you open a notebook there." if name else ""
