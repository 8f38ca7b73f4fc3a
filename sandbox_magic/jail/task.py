"""What is handed over to a parked sandbox with "go"."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One cell, and what goes with it.

    Attributes:
        source: The cell, verbatim.
        suffix: The end of its file's name.
        arguments: What follows the file's name in ``sys.argv``.
        offered: Words for the process that runs the cell: ``value`` to show the last value, ``ask``
            for an input() that asks, ``inputs`` and ``out:NAME`` for variables, ``workspace`` for files.
        program: The commands that run it, a frame each; empty for Python.
        gather: What PID 1 is told to bring out; empty for nothing.
    """

    source: bytes
    suffix: str = ".py"
    arguments: tuple[str, ...] = ()
    offered: str = ""
    program: bytes = b""
    gather: bytes = b""
