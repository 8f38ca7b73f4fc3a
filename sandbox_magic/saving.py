"""The one place from which the plain values write a file, when a person asks them to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os


def write(path: str | os.PathLike[str], text: str) -> None:
    """Write text as UTF-8; a file that is there is replaced.

    Raises:
        OSError: The file can't be written.
    """
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
