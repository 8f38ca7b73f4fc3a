"""Standard output and standard error of a command."""

from __future__ import annotations

import io
import sys


def write_whatever_comes() -> None:
    """Let no character fail a command that the locale's encoding does not have."""
    for file in (sys.stdout, sys.stderr):
        if isinstance(file, io.TextIOWrapper):
            file.reconfigure(errors="backslashreplace")
