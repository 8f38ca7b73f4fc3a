"""The guest's bytecode: made here once, because inside its directory is read-only and each start would compile it."""

from __future__ import annotations

import functools
import importlib.util
import os
from contextlib import suppress


@functools.cache
def prepare(directory: str) -> None:
    """Compile the guest's modules where that has not been done, as pip does when it installs them.

    For the Python that runs this process, which is the one inside unless another is asked for. Where
    it may not be written, each start takes some milliseconds longer. As pip does, it does not ask for
    PYTHONDONTWRITEBYTECODE, which is about what this process imports.
    """
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith(".py") and _is_stale(entry):
                import py_compile

                py_compile.compile(entry.path, doraise=False, quiet=2)
            elif entry.is_dir(follow_symlinks=False) and entry.name != "__pycache__":
                prepare(entry.path)


def _is_stale(entry: os.DirEntry[str]) -> bool:
    """Return whether there is no bytecode, or of another text: its header has the time and the size (PEP 552)."""
    found = entry.stat()
    expected = b"\0\0\0\0" + b"".join(
        (number & 0xFFFF_FFFF).to_bytes(4, "little") for number in (int(found.st_mtime), found.st_size)
    )
    try:
        with open(importlib.util.cache_from_source(entry.path), "rb") as file:
            return file.read(16) != importlib.util.MAGIC_NUMBER + expected
    except OSError:
        return True
