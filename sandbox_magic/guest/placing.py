"""Puts the code's file where it looks for what lies beside it."""

from __future__ import annotations

import os


def put(file: str, place: str) -> str:
    """Return where the code stands: in its place, unless something else of that name lies there already.

    Args:
        file: Where it was delivered.
        place: Where it should stand; a workspace may hold it there already.
    """
    try:
        with open(file, "rb") as delivered:
            text = delivered.read()
        if os.path.lexists(place):
            return place if _holds(place, text) else file
        with open(place, "xb") as new:
            new.write(text)
    except OSError:
        return file
    return place


def _holds(place: str, text: bytes) -> bool:
    if not os.path.isfile(place):  # a FIFO would wait
        return False
    with open(place, "rb") as there:
        return there.read(len(text) + 1) == text
