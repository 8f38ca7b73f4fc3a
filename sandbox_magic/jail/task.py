"""What is handed over to a parked sandbox with "go"."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One cell, and what goes with it.

    Attributes:
        source: The cell, verbatim.
        name: Its file's name in the directory that the sandbox sees read-only.
        place: Where the file should stand instead, if there is room; empty for nowhere else.
        arguments: What follows the file's name in ``sys.argv``.
        offered: Words for the process that runs the cell: ``value`` to show the last value, ``ask``
            for an input() that asks, ``inputs`` and ``out:NAME`` for variables, ``workspace`` for files,
            ``characters`` for a cell that is UTF-8 whatever encoding it names.
        program: The commands that run it, a frame each; empty for Python.
        compile_seconds: Real time for all but the last of these, which are steps of a compiler; None where none are.
        gather: What PID 1 is told to bring out; empty for nothing.
    """

    source: bytes
    name: str = "cell.py"
    place: str = ""
    arguments: tuple[str, ...] = ()
    offered: str = ""
    program: bytes = b""
    compile_seconds: float | None = None
    gather: bytes = b""
