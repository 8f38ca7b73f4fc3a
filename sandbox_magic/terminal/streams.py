"""Our own two streams, and whether they are a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox_magic.model.output import StreamName


def file(name: StreamName) -> Any:
    """Return the file that ``sys`` has under this name now."""
    return sys.stdout if name == "stdout" else sys.stderr


def is_terminal(name: StreamName) -> bool:
    """Return whether that is a terminal."""
    try:
        return bool(file(name).isatty())
    except (AttributeError, ValueError):  # a stream of somebody's own, a closed one, or none
        return False


def draws_blocks() -> bool:
    """Return whether standard error is a terminal whose encoding has the characters of the curves."""
    encoding = (getattr(sys.stderr, "encoding", None) or "").lower().replace("-", "")
    return is_terminal("stderr") and encoding.startswith("utf")
