"""Files that a command reads and writes: whole, or not at all."""

from __future__ import annotations

import os

from sandbox_magic.atomic_write import is_special, write
from sandbox_magic.model.errors import PolicyError

__all__ = ["check", "read", "write"]


def read(path: str) -> bytes:
    """Return a file's content.

    Raises:
        OSError: It can't be read.
    """
    with open(path, "rb") as file:
        return file.read()


def check(path: str) -> None:
    """Refuse, before anything is run, a path that could not be written after it.

    Raises:
        PolicyError: It could not.
    """
    directory = os.path.dirname(os.path.realpath(path))
    if os.path.isdir(path):
        raise PolicyError(f"{path} is a directory", remedy="the path of a file")
    if not os.path.isdir(directory):
        raise PolicyError(f"{path} can't be written", seen=f"there is no directory {directory}")
    if not os.access(path if is_special(path) else directory, os.W_OK):
        raise PolicyError(f"{path} can't be written", seen=f"no permission to write in {directory}")
