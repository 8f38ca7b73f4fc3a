"""The packages of this run alone, for the programs that the code starts."""

from __future__ import annotations

import os

PLACE = "/packages"


def share(search: str) -> None:
    """Let every Python that the code starts find them, if there are any; not PID 1, which is ours.

    Args:
        search: The module search path, joined by ``:``.
    """
    if PLACE in search.split(":"):
        os.environ["PYTHONPATH"] = PLACE
