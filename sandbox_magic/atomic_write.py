"""The one place from which the plain values write a file, when a person asks them to: whole, or not at all."""

from __future__ import annotations

import os
from contextlib import suppress


def write(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file in one step, so that no reader ever sees half of it; a pipe or a device is written to directly.

    Raises:
        OSError: It can't be written.
    """
    import tempfile  # whoever only imports us saves nothing

    if is_special(path):
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


def is_special(path: str | os.PathLike[str]) -> bool:
    """Return whether something is there that is no ordinary file."""
    return os.path.exists(path) and not os.path.isfile(path)


def _usual_mode() -> int:
    """Return the mode that a new file gets; to ask the system for the umask is to change it, for all threads."""
    with open("/proc/self/status") as status:
        umask = next(line for line in status if line.startswith("Umask:"))
    return 0o666 & ~int(umask.split()[1], 8)
