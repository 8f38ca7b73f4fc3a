"""Files that a command reads and writes: whole, or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress

from sandbox_magic.errors import PolicyError


def read(path: str) -> bytes:
    """Give a file's content.

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
    if not os.access(path if _is_special(path) else directory, os.W_OK):
        raise PolicyError(f"{path} can't be written", seen=f"no permission to write in {directory}")


def write(path: str, data: bytes) -> None:
    """Write a file in one step, so that nobody ever sees half of it; a pipe or a device is written to as it is.

    Raises:
        OSError: It can't be written.
    """
    if _is_special(path):
        with open(path, "wb") as file:
            file.write(data)
        return
    target = os.path.realpath(path)  # a link stays a link
    descriptor, temporary = tempfile.mkstemp(prefix=".sandbox-magic-", dir=os.path.dirname(target))
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(descriptor, _usual_mode())
        os.replace(temporary, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _is_special(path: str) -> bool:
    return os.path.exists(path) and not os.path.isfile(path)


def _usual_mode() -> int:
    """Give the mode that a new file gets: the umask can only be read by setting it."""
    umask = os.umask(0o077)
    os.umask(umask)
    return 0o666 & ~umask
